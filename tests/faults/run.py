"""A run: an installation, a load, faults that strike meanwhile, a rest, and the judgement."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

from tests.faults.chaos import Chaos
from tests.faults.clients import start_load
from tests.faults.installation import Installation, installation
from tests.faults.judge import judge
from tests.faults.workspaces import furnish

TENANTS = {"acme": 0, "globex": 0, "initech": 1}
"""Names, and the gaps between their messages."""
CATCH_UP_SECONDS = 300
SLOWEST_SECONDS = 20
"""How long a fault may take on average, waiting for its victim to be there again included."""


@dataclass
class Run:
    """What a run did, and what came of it."""

    seed: int
    date: str = field(default_factory=lambda: f"{datetime.now(UTC):%Y-%m-%d}")
    cores: int = field(default_factory=lambda: os.cpu_count() or 1)
    tenants: int = len(TENANTS)
    faults: dict[str, int] = field(default_factory=dict)
    clients: dict[str, int] = field(default_factory=dict)
    compared: dict[str, int] = field(default_factory=dict)
    audit: dict[str, Any] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)
    gave_up: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    contradictions: list[str] = field(default_factory=list)


def endure(
    *, deck: dict[str, int], seed: int, pauses: tuple[float, float], clients: int, tell: Callable[[str], object]
) -> Run:
    """Start everything, let the faults strike under load, let it rest, and judge."""
    run = Run(seed)
    began = time.monotonic()
    with installation(*TENANTS) as house:
        house.wait_until(lambda: is_calm(house), seconds=120)
        workspaces = [furnish(house, name, gap_seconds=gap) for name, gap in TENANTS.items()]
        load = start_load(port=house.port, workspaces=workspaces, seed=seed, clients=clients)
        run.seconds["start"] = time.monotonic() - began
        chaos = Chaos(house, workspaces, seed)
        random = Random(seed)
        waiting = [kind for kind, times in deck.items() if kind in chaos.kinds for _ in range(times)]
        random.shuffle(waiting)
        struck = time.monotonic()
        try:
            while waiting:
                if time.monotonic() - struck > 60 + SLOWEST_SECONDS * sum(deck.values()):
                    raise TimeoutError(f"nothing to do these to: {waiting}\n{house.last_words()}")
                time.sleep(random.uniform(*pauses))
                kind = waiting.pop()
                if not chaos.strike(kind):
                    waiting.insert(random.randrange(len(waiting) + 1), kind)
                elif sum(chaos.done.values()) % 10 == 0:
                    tell(f"{sum(chaos.done.values())} faults, {len(load.record.events):,} events acknowledged")
        finally:
            chaos.end()
            run.seconds["faults"] = time.monotonic() - struck
            load.stop(patience=120)
        run.seconds["catching up"] = house.wait_until(lambda: is_calm(house), seconds=CATCH_UP_SECONDS)
        audited = house.manage("audit", "--all", "--json")
        assert audited.returncode in (0, 1), audited.stderr
        report = json.loads(audited.stdout)
        run.audit = report["totals"]
        with house.database() as connection:
            verdict = judge(connection, record=load.record, workspaces=workspaces)
        run.faults = dict(chaos.done)
        run.clients = dict(load.record.counts)
        run.compared = verdict.figures
        run.contradictions = [json.dumps(finding) for finding in report["findings"]] + verdict.contradictions
        run.restarts = {name: program.starts - 1 for name, program in house.programs.items()}
        run.gave_up = dict(house.gave_up)
    run.seconds["all"] = time.monotonic() - began
    return run


def is_calm(house: Installation) -> bool:
    """Everything answers, and no work waits."""
    state = house.readiness()
    if state is None or state["status"] != "ok" or state["outbox_lag_seconds"] or state["due_lag_seconds"]:
        return False
    with house.database() as connection:
        row = connection.execute("SELECT count(*) FROM segments_recomputation").fetchone()
    return row == (0,)
