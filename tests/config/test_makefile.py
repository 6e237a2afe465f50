"""`make`, as somebody with a fresh clone meets it; and the script of the CI."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[0].split()

FROM_OUTER_MAKE = {"MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS", "NUNCHI_DATA", "ARGS"}


def run(*command: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command as from a fresh shell: tests started by make would else hand its options on."""
    inherited = {name: value for name, value in os.environ.items() if name not in FROM_OUTER_MAKE}
    return subprocess.run(command, cwd=cwd, env=inherited | environment, capture_output=True, text=True, check=False)


@pytest.fixture
def bare_clone(tmp_path: Path) -> Path:
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_make__without_a_target__lists_every_command() -> None:
    result = run("make", "--no-print-directory")

    assert result.returncode == 0
    for target in TARGETS:
        assert re.search(rf"^  {target}\s+[A-Z].*\.$", result.stdout, re.MULTILINE), target


@pytest.mark.parametrize("target", TARGETS)
def test_make__each_target__can_be_resolved(target: str) -> None:
    result = run("make", "--dry-run", target)

    assert result.returncode == 0, result.stderr


def test_make__demo_with_check__asks_for_the_check() -> None:
    assert "manage.py demo --check" in run("make", "--dry-run", "demo", "CHECK=1").stdout
    assert "--check" not in run("make", "--dry-run", "demo").stdout.split("manage.py demo")[1]


def test_make__no_suitable_python__says_what_to_install(bare_clone: Path) -> None:
    result = run("make", "up", "PYTHON=/bin/false", cwd=bare_clone)

    assert result.returncode != 0
    assert "needs Python 3.11 or newer" in result.stderr
    assert not (bare_clone / ".venv").exists()


def test_make__python_without_venv__says_what_to_install(bare_clone: Path) -> None:
    python = bare_clone / "python"
    python.write_text('#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\nexit 0\n')
    python.chmod(0o755)

    result = run("make", "up", f"PYTHON={python}", cwd=bare_clone)

    assert result.returncode != 0
    assert "apt install python3-venv" in result.stderr


def test_make__no_package_index__says_so_and_leaves_no_stamp(bare_clone: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", ".venv"], cwd=bare_clone, check=True)
    (bare_clone / ".venv/bin/pip").touch()

    result = run("make", "up", cwd=bare_clone)

    assert result.returncode != 0
    assert "The packages could not be installed" in result.stderr
    assert not list((bare_clone / ".venv").glob(".runtime-*"))


def test_make__requirements_unchanged__installs_nothing(bare_clone: Path) -> None:
    (bare_clone / ".venv/bin").mkdir(parents=True)
    (bare_clone / ".venv/bin/pip").touch()
    stamp = run("make", "--dry-run", "up", cwd=bare_clone).stdout
    (bare_clone / re.findall(r"\.venv/\.runtime-\d+", stamp)[0]).touch()

    unchanged = run("make", "--dry-run", "up", cwd=bare_clone).stdout
    (bare_clone / "requirements.txt").write_text("changed")
    changed = run("make", "--dry-run", "up", cwd=bare_clone).stdout

    assert "Installing" not in unchanged
    assert "Installing" in changed


def test_make__reference_data_beside_the_project__are_found(bare_clone: Path) -> None:
    project = bare_clone / "project"
    project.mkdir()
    (bare_clone / "shared/data").mkdir(parents=True)
    (project / "Makefile").write_text(MAKEFILE + "\nshow:\n\t@echo data=$$NUNCHI_DATA\n")
    for name in ("requirements.txt", "requirements-dev.txt"):
        (project / name).touch()

    found = run("make", "show", cwd=project)
    given = run("make", "show", cwd=project, NUNCHI_DATA="/elsewhere")

    assert found.stdout.splitlines()[-1] == f"data={bare_clone / 'shared/data'}"
    assert given.stdout.splitlines()[-1] == "data=/elsewhere"


def test_ci__script__is_valid_and_runs_lint_and_tests() -> None:
    script = (ROOT / ".ci/run").read_text()

    assert subprocess.run(["bash", "-n", ROOT / ".ci/run"], check=False).returncode == 0
    assert os.access(ROOT / ".ci/run", os.X_OK)
    assert "make lint" in script
    assert "make test" in script
