"""A steady flow of events with probes among them: from the 200 to the stored membership change."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from benchmarks import audit, databases
from benchmarks.base import Workspace
from benchmarks.client import send_all
from benchmarks.definitions import PROBE
from benchmarks.figures import expect, percentile
from benchmarks.load import app_item, batch_of, draw_ids, message_ids_of
from benchmarks.people import person_id_of, wire_ids

CONNECTIONS = 4
WARM_SECONDS = 5
PATIENCE_SECONDS = 120
POLL_SECONDS = 0.004
LOOKED_FOR = 50
"""Probes looked for at a time, the longest awaited: looking must not slow down what is looked at."""
LEAST_SHARE = 0.95
"""Of the offered events: where fewer are taken, the conditions must say so."""
_LOOK = """
    SELECT person_id FROM segments_membershipchange
    WHERE tenant_id = %s AND segment_id = %s AND person_id = ANY(%s) AND entered
"""


@dataclass(frozen=True)
class Flow:
    """What came of it, the warm-up left out."""

    latencies_ms: list[float]
    answers_ms: list[float]
    offered: float
    """Events a second."""
    taken: float

    @property
    def load(self) -> str:
        """For a figure's conditions."""
        if self.taken >= LEAST_SHARE * self.offered:
            return f"{self.offered:,.0f} events/s"
        return f"{self.offered:,.0f} events/s offered, of which only {self.taken:,.0f} were taken,"

    def at(self, share: float) -> float:
        return round(percentile(self.latencies_ms, share), 1)

    @property
    def more(self) -> dict[str, object]:
        """What else is worth telling beside a latency."""
        return {
            "probes": len(self.latencies_ms),
            "max_ms": round(max(self.latencies_ms), 1),
            "answer_p99_ms": round(percentile(self.answers_ms, 0.99), 1),
        }


def run_flow(*, port: int, workspace: Workspace, events_a_second: float, batch: int, seconds: float) -> Flow:
    """Send busy people's events in batches, one of each batch a probe, and audit what is stored.

    A probe is an event by which a person enters a segment for the first time; it is seen by looking for the row every
    few milliseconds on a connection of its own. Raises AuditFailed.
    """
    dice = random.Random(workspace.people + batch)
    a_second = events_a_second / batch
    count = round((WARM_SECONDS + seconds) * a_second)
    probed = _draw_probes(dice, workspace, count)
    began_at = datetime.now(UTC)
    sent = [
        batch_of(workspace, _items(dice, workspace, batch, who, at=began_at + timedelta(seconds=number / a_second)))
        for number, who in enumerate(probed)
    ]
    person_ids = [person_id_of(workspace.tenant_id, who) for who in probed]
    with _Watch(workspace.tenant_id) as watch:
        answers = send_all(
            port,
            [one.request for one in sent],
            connections=CONNECTIONS,
            a_second=a_second,
            before=lambda number: watch.await_entry(person_ids[number]),
        )
        audit.all_taken(answers)
        watch.wait()
    missing = [who for who in person_ids if who not in watch.seen]
    expect(not missing, f"{len(missing)} of {count} probes entered no segment within {PATIENCE_SECONDS} s")
    audit.stored_once(workspace.tenant_id, list(message_ids_of(sent)), since=began_at)
    counted = range(round(WARM_SECONDS * a_second), count)
    passed = max(answers[number].answered_at for number in counted) - answers[counted[0]].due_at
    return Flow(
        # Seen before the answer was read: the change was there when the answer came.
        latencies_ms=[
            max(0.0, watch.seen[person_ids[number]] - answers[number].answered_at) * 1000 for number in counted
        ],
        answers_ms=[answers[number].ms for number in counted],
        offered=events_a_second,
        taken=len(counted) * batch / max(passed, seconds),
    )


def _draw_probes(dice: random.Random, workspace: Workspace, count: int) -> list[int]:
    """People who were not probed before, anybody alike; needs as many."""
    with databases.connect_as_owner() as owner:
        rows = owner.execute(
            "SELECT person_id FROM segments_membershipchange WHERE tenant_id = %s AND segment_id = %s",
            [workspace.tenant_id, find_probe_segment(workspace.tenant_id)],
        ).fetchall()
    probed = {row[0] for row in rows}
    numbers = dice.sample(range(workspace.people), min(workspace.people, 2 * count + len(probed)))
    fresh = [number for number in numbers if person_id_of(workspace.tenant_id, number) not in probed]
    expect(len(fresh) >= count, f"{count} probes need more people than {len(fresh)}")
    return fresh[:count]


def _items(dice: random.Random, workspace: Workspace, batch: int, who: int, *, at: datetime) -> list[dict[str, object]]:
    others = [app_item(dice, draw_ids(dice, workspace), at=at) for _ in range(batch - 1)]
    return [*others, app_item(dice, wire_ids(who), at=at, name=PROBE)]


def find_probe_segment(tenant_id: UUID) -> UUID:
    with databases.connect_as_owner() as owner:
        return owner.execute(
            "SELECT id FROM segments_segment WHERE tenant_id = %s AND condition = jsonb_build_object('did', %s::text)",
            [tenant_id, PROBE],
        ).fetchall()[0][0]


class _Watch:
    """Looks for the entries of people who were probed."""

    def __init__(self, tenant_id: UUID) -> None:
        self.seen: dict[UUID, float] = {}
        self._awaited: dict[UUID, None] = {}
        self._values = [tenant_id, find_probe_segment(tenant_id)]
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def await_entry(self, person_id: UUID) -> None:
        self._awaited[person_id] = None

    def wait(self) -> None:
        """Until all were seen, or patience ends."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._awaited and time.monotonic() < deadline:
            time.sleep(0.01)

    def _look(self) -> None:
        with databases.connect_as_owner() as owner:
            while not self._is_over.is_set():
                if awaited := list(self._awaited)[:LOOKED_FOR]:
                    rows = owner.execute(_LOOK, [*self._values, awaited], prepare=True).fetchall()
                    now = time.perf_counter()
                    for (person_id,) in rows:
                        self.seen[person_id] = now
                        self._awaited.pop(person_id, None)
                time.sleep(POLL_SECONDS)
