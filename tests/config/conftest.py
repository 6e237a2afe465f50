"""Embedded servers of these tests' own, apart from those that other tests run on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import embedded
from config.embedded.state import State, read_or_create_state


@pytest.fixture(autouse=True)
def left_to_us(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of an installation that names no servers."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)


def remove(state_dir: Path) -> None:
    """Stop the servers of a state directory, and leave nothing behind."""
    home = Path(read_or_create_state(state_dir=state_dir).home)
    if home.exists():
        embedded.stop(state_dir)
        shutil.rmtree(home)


@pytest.fixture(scope="session")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state directory whose servers do not run, but have run before."""
    directory = tmp_path_factory.mktemp("embedded") / "state"
    yield directory
    remove(directory)


@pytest.fixture
def state(state_dir: Path) -> State:
    return read_or_create_state(state_dir=state_dir)


@pytest.fixture
def servers(left_to_us: None, state_dir: Path) -> Iterator[embedded.Addresses]:
    """The servers, running during the test."""
    with embedded.running(state_dir) as addresses:
        yield addresses


@pytest.fixture
def child_environment(left_to_us: None, state_dir: Path) -> dict[str, str]:
    """What a process needs to use the same servers."""
    root = str(Path(__file__).resolve().parents[2])
    return {**os.environ, "NUNCHI_STATE_DIR": str(state_dir), "PYTHONPATH": root}
