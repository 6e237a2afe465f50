"""Faults at random instants under load; afterwards nothing is lost, doubled, late or over its cap.

Planted bugs (seen to fail): receipts committed before their events; a drain that marks people digested before it has
evaluated them; caps that count exposures alone, not reservations.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from typing import Any

import pytest

from tests.faults.figures import PAGE, RUN, keep, render, section_of
from tests.faults.run import endure

# How often each kind strikes in the proof.
PROOF = {
    "kill -9 of a web worker": 18,
    "kill -9 of the web server": 10,
    "kill -9 of the live worker": 12,
    "kill -9 of a child of the live worker": 14,
    "kill -9 of the other worker": 6,
    "kill -9 of a child of the other worker": 8,
    "kill -9 of a scheduler": 14,
    "kill -9 of Redis": 14,
    "FLUSHALL of Redis": 14,
    "kill -9 of Postgres": 12,
    "kill -9 of one Postgres session": 12,
    "all Postgres sessions terminated": 12,
    "pause of a web worker": 10,
    "pause of the live worker": 10,
    "pause of Redis": 8,
    "pause of a Postgres session": 8,
    "log disk full": 14,
    "tasks delivered several times, some late": 20,
}
SMOKE = dict.fromkeys(
    (
        "kill -9 of a web worker",
        "kill -9 of a child of the live worker",
        "kill -9 of Redis",
        "FLUSHALL of Redis",
        "kill -9 of one Postgres session",
        "log disk full",
        "tasks delivered several times, some late",
    ),
    1,
)


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Any:
    """Say how far it is, also where output is captured."""

    def say(text: str) -> None:
        with capsys.disabled():
            sys.stderr.write(f"[{time.strftime('%H:%M:%S')}] {text}\n")

    return say


@pytest.fixture
def left_to_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)


def test_faults__a_handful_under_load__nothing_is_lost(left_to_us: None) -> None:
    run = endure(deck=SMOKE, seed=1, pauses=(0.5, 1.5), clients=1, tell=lambda text: None)

    assert run.contradictions == []
    assert run.compared["events_compared"] > 0


@pytest.mark.proof
def test_faults__more_than_two_hundred_under_load__nothing_is_lost(left_to_us: None, tell: Any) -> None:
    run = endure(deck=PROOF, seed=20260131, pauses=(0.5, 4.5), clients=3, tell=tell)
    keep(asdict(run))

    assert run.contradictions == []
    assert sum(run.faults.values()) >= 200


def test_figures__on_the_page__are_those_of_the_last_proof() -> None:
    run = json.loads(RUN.read_text())

    assert section_of(PAGE.read_text()) == render(run)
    assert run["contradictions"] == []
    assert sum(run["faults"].values()) >= 200
