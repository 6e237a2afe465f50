"""A wave of people who come due within one minute: how long it takes, and what it does to live work meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection

from benchmarks import audit, base, databases, definitions, installation
from benchmarks.base import Workspace
from benchmarks.figures import AuditFailed, Figure, expect
from benchmarks.flow import PATIENCE_SECONDS, WARM_SECONDS, run_flow
from benchmarks.live import LIMITED_BY, PROCESSES, SUSTAINED, sent_at
from benchmarks.scale import PEOPLE, note, scaled, seconds, tell

WAVE = "wave_began"
WINDOW = timedelta(hours=6)
PEOPLE_DUE = scaled(100_000, least=100)
WAVE_SECONDS = seconds(60)
QUIET_SECONDS = seconds(30)
_IS_OVER = """
    SELECT NOT EXISTS (SELECT FROM segments_membership WHERE tenant_id = %s AND segment_id = %s AND is_member)
"""


def measure() -> Iterator[Figure]:
    with databases.clone(definitions.live(PEOPLE)):
        workspace = base.find_workspace()
        flow = {"workspace": workspace, **sent_at(SUSTAINED)}
        tell(f"{PEOPLE_DUE:,} people are made to come due")
        begins_at = datetime.now(UTC) + timedelta(seconds=QUIET_SECONDS + scaled(120, least=30))
        segment_id = _make_wave(workspace, begins_at)
        with installation.running(*PROCESSES) as running:
            audit.drained(patience_seconds=600)  # what came due since the past was made
            tell(f"{SUSTAINED:,} events/s without a wave for {QUIET_SECONDS} s")
            quiet = run_flow(port=running.port, seconds=QUIET_SECONDS, **flow)
            audit.drained(patience_seconds=60)
            time_left = (begins_at - datetime.now(UTC)).total_seconds() - WARM_SECONDS
            expect(time_left > 0, "the wave began before all was ready")
            tell(f"the wave begins in {time_left:.0f} s")
            time.sleep(time_left)
            with _Drained(workspace.tenant_id, segment_id) as drained:
                busy = run_flow(port=running.port, seconds=WAVE_SECONDS, **flow)
                drained_at = drained.wait()
            audit.drained(patience_seconds=60)
        _audit(workspace, segment_id)
        audit.memberships_exact(workspace.tenant_id)
    conditions = (
        f"{PEOPLE_DUE:,} people come due evenly over {WAVE_SECONDS} s while {busy.load} come in; "
        f"{definitions.LIVE_SEGMENTS + 1} segments, {base.size_of_past(PEOPLE)}; one web worker, the standard "
        f"workers{note()}"
    )
    yield Figure(
        name="due_wave",
        value=round((drained_at - begins_at).total_seconds(), 1),
        unit="s",
        reference="the wave's own length",
        reference_value=WAVE_SECONDS,
        conditions=f"from the first person due to the last exit stored; {conditions}",
        limited_by=LIMITED_BY,
    )
    yield Figure(
        name="due_wave_live_p99",
        value=busy.at(0.99),
        unit="ms",
        reference="the same flow just before the wave",
        reference_value=quiet.at(0.99),
        conditions=conditions,
        limited_by=LIMITED_BY,
        more=busy.more,
    )


def _make_wave(workspace: Workspace, begins_at: datetime) -> UUID:
    """A segment of whoever did something in the last six hours, and people who leave it one after the other."""
    with connection.as_owner(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events_event (tenant_id, person_id, name, occurred_at, event_id, message_id, received_at,"
            " source, properties, context) SELECT tenant_id, person_id, %(name)s, at, gen_random_uuid(),"
            " gen_random_uuid()::text, at, 'app', '{}', '{}' FROM (SELECT tenant_id, person_id,"
            " %(begins)s + %(length)s * (row_number() OVER () / %(count)s::float8) - %(window)s AS at"
            " FROM events_person WHERE tenant_id = %(tenant)s AND merged_into IS NULL LIMIT %(count)s) p",
            {
                "name": WAVE,
                "begins": begins_at,
                "length": timedelta(seconds=WAVE_SECONDS),
                "window": WINDOW,
                "count": PEOPLE_DUE,
                "tenant": workspace.tenant_id,
            },
        )
    (segment_id,) = definitions.define([{"did": WAVE, "within": "6h"}], first=definitions.LIVE_SEGMENTS)
    return segment_id


class _Drained:
    """Looks when the last member of the wave has left."""

    def __init__(self, tenant_id: UUID, segment_id: UUID) -> None:
        self._values = [tenant_id, segment_id]
        self._at: datetime | None = None
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> _Drained:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def wait(self) -> datetime:
        self._thread.join(timeout=10 * PATIENCE_SECONDS)
        if self._at is None:
            raise AuditFailed(f"the wave was not over {10 * PATIENCE_SECONDS} s after its end")
        return self._at

    def _look(self) -> None:
        with databases.connect_as_owner() as owner:
            while not self._is_over.is_set():
                if owner.execute(_IS_OVER, self._values, prepare=True).fetchall()[0][0]:
                    self._at = datetime.now(UTC)
                    return
                time.sleep(0.25)


def _audit(workspace: Workspace, segment_id: UUID) -> None:
    """Each of them left once, because time passed, and none too early."""
    with databases.connect_as_owner() as owner:
        rows = owner.execute(
            "SELECT c.person_id, c.entered, c.changed_at >= e.occurred_at + %s FROM segments_membershipchange c "
            "JOIN events_event e ON e.tenant_id = c.tenant_id AND e.person_id = c.person_id AND e.name = %s "
            "WHERE c.tenant_id = %s AND c.segment_id = %s",
            [WINDOW, WAVE, workspace.tenant_id, segment_id],
        ).fetchall()
    expect(
        len(rows) == len({row[0] for row in rows}) == PEOPLE_DUE,
        f"of {PEOPLE_DUE:,} people {len({row[0] for row in rows}):,} left the segment, in {len(rows):,} changes",
    )
    expect(not any(entered or not in_time for _, entered, in_time in rows), "somebody left before their time")
