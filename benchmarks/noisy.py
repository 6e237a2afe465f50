"""A quiet tenant's live latency while another floods the same web worker and live workers."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from benchmarks import audit, base, databases, definitions, installation
from benchmarks.base import Workspace
from benchmarks.client import Connection
from benchmarks.definitions import DECIDE_SEGMENTS, PROBE, condition
from benchmarks.figures import Figure, expect
from benchmarks.flow import run_flow
from benchmarks.live import LIMITED_BY, PROCESSES
from benchmarks.load import Batch, batches, server_item
from benchmarks.people import wire_ids
from benchmarks.scale import PEOPLE, note, scaled, seconds, tell
from events.ingestion import ingest
from events.parsing import parse_batch
from segments.definitions import save_segment
from segments.draining import drain
from segments.recomputation import advance_recomputation
from tenants.scope import tenant_scope

RATE = 20
SECONDS = seconds(30)
QUIET_PEOPLE = 4 * (SECONDS + 10) * RATE
FLOODERS = 2
FLOOD_BATCH = 1000


def measure() -> Iterator[Figure]:
    with databases.clone(definitions.live(PEOPLE)):
        noisy, quiet = base.find_workspace(), _found_quiet()
        with installation.running(*PROCESSES) as running:
            flow = {"workspace": quiet, "events_a_second": RATE, "batch": 1, "seconds": SECONDS}
            tell(f"the quiet tenant alone for {SECONDS} s")
            alone = run_flow(port=running.port, **flow)
            tell(f"with a flood for {SECONDS} s")
            with _Flood(running.port, noisy) as flood:
                running.start_clock()
                beside = run_flow(port=running.port, **flow)
                processors = running.processors()
            tell("the flood is digested")
            audit.drained(patience_seconds=600)
        flood.check(noisy)
        audit.memberships_exact(quiet.tenant_id)
        audit.memberships_exact(noisy.tenant_id)
    yield Figure(
        name="noisy",
        value=beside.at(0.99),
        unit="ms",
        reference="p99 of the same tenant alone",
        reference_value=alone.at(0.99),
        conditions=f"a tenant of {QUIET_PEOPLE:,} people and {DECIDE_SEGMENTS + 1} segments sends {beside.load} one "
        f"by one; another, of {PEOPLE:,} people and {definitions.LIVE_SEGMENTS} segments, floods with batches of "
        f"{FLOOD_BATCH:,} over {FLOODERS} connections; one web worker, the standard workers{note()}",
        limited_by=LIMITED_BY,
        more=beside.more
        | {
            "flood_events_a_second": round(flood.events_a_second),
            "flood_refused_batches": flood.refused,
            "processors_busy": processors,
        },
    )


def _found_quiet() -> Workspace:
    """A small tenant with a short past and its segments in force, made as an app and a marketer would."""
    workspace = base.found_workspace(QUIET_PEOPLE)
    with tenant_scope(workspace.tenant_id):
        for number, document in enumerate([{"did": PROBE}, *map(condition, range(DECIDE_SEGMENTS))]):
            save_segment(name=f"Segment {number}", condition=document)
    dice, now = random.Random(QUIET_PEOPLE), datetime.now(UTC)
    for first in range(0, QUIET_PEOPLE, 1000):
        items = [
            server_item(dice, wire_ids(number), at=now - timedelta(days=dice.random() * 30))
            for number in range(first, min(first + 1000, QUIET_PEOPLE))
        ]
        parsed = parse_batch(msgspec.json.encode({"batch": items}), max_item_bytes=131_072)
        ingest(tenant_id=workspace.tenant_id, items=parsed.items)
    drain(tenant_id=workspace.tenant_id)
    while advance_recomputation(tenant_id=workspace.tenant_id):
        pass
    return workspace


class _Flood:
    """Sends big batches as fast as they are answered, until it is over; a refusal (429) counts and goes on."""

    def __init__(self, port: int, workspace: Workspace) -> None:
        self.refused = 0
        self.accepted: list[Batch] = []
        self._began_at = datetime.now(UTC)
        self._port = port
        count = scaled(1000, least=150)
        self._batches = iter(
            batches(random.Random(1), workspace, count=count, size=FLOOD_BATCH, make=server_item)
        )  # fmt: skip
        self._is_over = threading.Event()
        self._failures: list[BaseException] = []
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(FLOODERS)]

    def __enter__(self) -> _Flood:
        self._began_at = datetime.now(UTC)
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.has_run_dry = not any(thread.is_alive() for thread in self._threads)
        self._is_over.set()
        for thread in self._threads:
            thread.join()
        self.seconds = (datetime.now(UTC) - self._began_at).total_seconds()

    @property
    def events_a_second(self) -> float:
        return len(self.accepted) * FLOOD_BATCH / self.seconds

    def check(self, workspace: Workspace) -> None:
        """What was accepted is stored once; the flood did not end before what it was to disturb."""
        expect(not self._failures, f"the flood failed: {self._failures}")
        expect(not self.has_run_dry, "the flood ended too soon")
        ids = [message_id for batch in self.accepted for message_id in batch.message_ids]
        audit.stored_once(workspace.tenant_id, ids, since=self._began_at)

    def _send(self) -> None:
        try:
            with Connection(self._port) as connection:
                for batch in self._batches:
                    if self._is_over.is_set():
                        return
                    status, _ = connection.send(batch.request)
                    if status == 200:
                        self.accepted.append(batch)
                    else:
                        self.refused += 1
        except BaseException as error:
            self._failures.append(error)
