"""The equality audits: without them a figure does not count. Each reads past the product, as the owner."""

from __future__ import annotations

import random
import time
from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection

from benchmarks import databases
from benchmarks.client import Answer
from benchmarks.figures import AuditFailed, expect
from events.models import event_id_for
from segments.conditions.compiler import FAR
from segments.conditions.questions import People
from segments.definitions import load_definitions
from segments.membership import current_setting, evaluate, lock_people
from tenants.scope import tenant_scope

SAMPLE = 2000
DUE_SECONDS = 5
_NOBODY = (False, FAR)


def all_taken(answers: Sequence[Answer]) -> None:
    """Every request was answered 200."""
    refused = [answer for answer in answers if answer.status != 200]
    if refused:
        first = f"{refused[0].status} {refused[0].body[:200].decode(errors='replace')}"
        raise AuditFailed(f"{len(refused):,} of {len(answers):,} requests were refused, the first with {first}")


def stored_once(tenant_id: UUID, message_ids: Collection[str], *, since: datetime) -> None:
    """Every accepted event is stored once, with its receipt, and nothing else has been since then."""
    with databases.connect_as_owner() as owner:
        stored = owner.execute(
            "SELECT message_id, event_id FROM events_event WHERE tenant_id = %s AND received_at >= %s",
            [tenant_id, since],
        ).fetchall()
        receipts = owner.execute(
            "SELECT count(*) FROM events_receipt WHERE tenant_id = %s AND event_id = ANY(%s)",
            [tenant_id, [event_id_for(tenant_id=tenant_id, message_id=message_id) for message_id in message_ids]],
        ).fetchall()[0][0]
    wanted, found = set(message_ids), {message_id for message_id, _ in stored}
    expect(
        len(wanted) == len(message_ids) == len(stored) == receipts and wanted == found,
        f"of {len(message_ids):,} accepted events {len(stored):,} rows and {receipts:,} receipts are stored; "
        f"{len(wanted - found):,} are missing, {len(stored) - len(found):,} doubled, {len(found - wanted):,} strange",
    )


def memberships_exact(tenant_id: UUID, *, among: Sequence[UUID] = ()) -> int:
    """The stored memberships of `among` and of a sample of all people equal a recomputation; returns how many people.

    Who has news, or came due just now, is left out: the drain answers for them.
    """
    with databases.connect_as_owner() as owner:
        rows = owner.execute(
            "SELECT person_id FROM events_person WHERE tenant_id = %s AND merged_into IS NULL "
            "ORDER BY random() LIMIT %s",
            [tenant_id, SAMPLE],
        ).fetchall()
    chosen = sorted({row[0] for row in rows} | set(random.sample(list(among), min(SAMPLE, len(among)))))
    differing = compared = 0
    for first in range(0, len(chosen), 500):
        some, different = _compare(tenant_id, chosen[first : first + 500])
        compared, differing = compared + some, differing + different
    expect(differing == 0, f"{differing:,} stored memberships of {compared:,} people differ from a recomputation")
    expect(compared >= len(chosen) / 2, f"only {compared:,} of {len(chosen):,} people could be compared")
    return compared


def _compare(tenant_id: UUID, person_ids: list[UUID]) -> tuple[int, int]:
    """How many people were compared, and how many of their memberships differ."""
    with tenant_scope(tenant_id):
        locked = lock_people(person_ids)
        setting = current_setting()
        with databases.connect_as_owner() as owner:
            unsettled = owner.execute(
                "SELECT person_id FROM events_person WHERE tenant_id = %(t)s AND person_id = ANY(%(p)s)"
                " AND touched_at IS NOT NULL UNION SELECT person_id FROM segments_membership"
                " WHERE tenant_id = %(t)s AND person_id = ANY(%(p)s) AND valid_until <= %(now)s",
                {"t": tenant_id, "p": locked, "now": setting.now},
            ).fetchall()
            settled = sorted(set(locked) - {row[0] for row in unsettled})
            stored = owner.execute(
                "SELECT m.person_id, m.segment_id, m.is_member, m.valid_until FROM segments_membership m "
                "JOIN segments_segment s ON s.id = m.segment_id AND s.live_version = m.version "
                "WHERE m.tenant_id = %s AND m.person_id = ANY(%s)",
                [tenant_id, settled],
            ).fetchall()
        answers = evaluate(load_definitions().live, scope=People(settled), setting=setting)
    wanted = {
        (person_id, key.segment_id): (member, until)
        for person_id, key, member, until in answers
        if member or until < FAR
    }
    found = {(person_id, segment_id): (member, until) for person_id, segment_id, member, until in stored}
    return len(settled), sum(
        wanted.get(pair, _NOBODY)[0] != found.get(pair, _NOBODY)[0]
        # Early is allowed, the person is looked at again; late is not.
        or (pair in wanted and found.get(pair, _NOBODY)[1] > wanted[pair][1])
        for pair in wanted.keys() | found.keys()
    )


def drained(*, patience_seconds: float) -> None:
    """Wait until all news are digested and nobody has been due for long."""
    deadline = time.monotonic() + patience_seconds
    while True:
        with connection.cursor() as cursor:
            cursor.execute("SELECT outbox_seconds, due_seconds FROM work_lag()")
            outbox, due = cursor.fetchone()
        if outbox == 0 and due < DUE_SECONDS:
            return
        waits = f"facts wait since {outbox:.0f} s and due people since {due:.0f} s, though the load is over"
        expect(time.monotonic() < deadline, waits)
        time.sleep(0.1)
