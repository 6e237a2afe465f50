"""What the project promises about itself: borders, migrations, documented settings, clean lock files."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("config", "web", "campaigns", "recommendations", "segments", "events", "language", "tenants")
READ = re.compile(
    r"""(?:env\.\w+|environ\.get|environ\.setdefault|getenv)\(\s*"([A-Z][A-Z0-9_]+)"|environ\["([A-Z][A-Z0-9_]+)"\]"""
)
# Not ours to explain: of the system and of Django.
FOREIGN = {"PATH", "HOME", "DJANGO_SETTINGS_MODULE", "CI"}


def variables_read() -> set[str]:
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")] + [ROOT / "manage.py"]
    found = (match for path in files for match in READ.findall(path.read_text()))
    return {first or second for first, second in found} - FOREIGN


def test_settings__every_variable_that_is_read__is_documented_and_the_other_way_round() -> None:
    text = (ROOT / "docs" / "settings.md").read_text()
    documented = set(re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \|", text, re.MULTILINE))

    assert variables_read() == documented


def test_settings__their_search__finds_them() -> None:
    assert {"DATABASE_URL", "NUNCHI_SECRET_KEY", "PROMETHEUS_MULTIPROC_DIR"} <= variables_read()


def test_rooms__imports__go_to_the_right_alone() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())"]

    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.django_db
def test_migrations__of_the_models_as_they_are__are_complete() -> None:
    call_command("makemigrations", check_changes=True, dry_run=True, verbosity=1)


def lock_files() -> list[Path]:
    locks = list(ROOT.glob("requirements*.txt"))
    locks += [path for path in ROOT.glob("*/**/package-lock.json") if "node_modules" not in path.parts]
    return [path for path in locks if ".venv" not in path.parts]


def test_lock_files__committed__name_no_registry() -> None:
    assert len(lock_files()) >= 4
    for path in lock_files():
        text = path.read_text()
        assert '"resolved"' not in text, f"{path}: set omit-lockfile-registry-resolved=true in .npmrc"
        assert not re.search(r"--(extra-)?index-url|--find-links|--trusted-host|registry|/simple\b", text), path


def test_assets__served__are_those_of_the_pinned_packages_with_licences() -> None:
    vendor = ROOT / "web" / "static" / "web" / "vendor"

    for folder in vendor.iterdir():
        assert any(path.name.startswith("LICENSE") for path in folder.iterdir()), f"{folder.name}: no licence"
    versions = re.findall(r'"[^"]+": "(\d[^"]*|[\^~][^"]*)"', (ROOT / "web" / "assets" / "package.json").read_text())
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions)


def test_icons__that_templates_name__are_in_the_committed_set() -> None:
    drawn = set(re.findall(r'id="([\w-]+)"', (ROOT / "web/static/web/vendor/icons/icons.svg").read_text()))
    named = {
        name
        for room in ROOMS
        for path in (ROOT / room).rglob("templates/**/*.html")
        for name in re.findall(r'{% icon "([\w-]+)"', path.read_text())
    }
    from web.navigation import ENTRIES

    assert named | {entry.icon for entry in ENTRIES} <= drawn, "add them to web/assets/icons.txt; npm run build"
