"""`manage.py` where something is missing, and its commands for the servers."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.config.test_makefile import run


def test_manage__packages_missing__says_what_to_run() -> None:
    result = run(sys.executable, "-S", "manage.py", "migrate")

    assert result.returncode == 1
    assert "Run `make up`" in result.stderr
    assert "Traceback" not in result.stderr


def test_manage__state_unusable__says_why(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state/state.json").write_text("{")

    result = run(sys.executable, "manage.py", "migrate", NUNCHI_STATE_DIR=str(tmp_path / "state"))

    assert result.returncode == 1
    assert "state.json is damaged" in result.stderr
    assert "Traceback" not in result.stderr


def test_manage__services_status__starts_nothing(state_dir: Path, child_environment: dict[str, str]) -> None:
    result = run(sys.executable, "manage.py", "services", "status", **child_environment)

    assert result.returncode == 0, result.stderr
    assert "Postgres: does not run" in result.stdout


def test_manage__bootstrap_without_a_database_url__says_that_none_is_needed(
    child_environment: dict[str, str],
) -> None:
    result = run(sys.executable, "manage.py", "bootstrap_database", **child_environment)

    assert result.returncode == 1
    assert "DATABASE_URL is not set" in result.stderr
