"""The audit of the event store: every receipt that promises an event against the events that are stored."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from uuid import UUID

from django.db.backends.utils import CursorWrapper
from django.utils.dateparse import parse_datetime

from tenants.auditing import Account, Finding, Kind, fetch_rows, findings_in, snapshot, tallies
from tenants.clock import read_clock

AHEAD = timedelta(days=28)
"""Partitions are made two months ahead every hour; with less than this left nobody makes them."""
_SLACK = timedelta(hours=1)
"""A receipt is dated on arrival and its event after the locks: a bounded audit reads a little more than it judges."""
_BOUND = re.compile(r"FROM \((MINVALUE|'[^']+')\) TO \((MAXVALUE|'[^']+')\)")


def audit_events(*, tenant_id: UUID, since: timedelta | None = None) -> Account:
    """Accepted, stored, missing, doubled; `since` looks at what was received in the last so long alone."""
    with snapshot(tenant_id) as cursor:
        now = read_clock()
        after = now - since if since is not None else None
        values = {
            "tenant": tenant_id,
            "kept_from": _kept_from(cursor, tenant_id, now),
            "after": after,
            "margin": after - _SLACK if after is not None else None,
        }
        cursor.execute(_COMPARE, values)
        (events,) = fetch_rows(cursor)
        cursor.execute(_PEOPLE, values)
        (people,) = fetch_rows(cursor)
    return Account(
        {name: events[name] for name in ("receipts", "promised", "events", "missing", "doubled")}
        | {"people": people["people"]},
        [
            *findings_in(events, room="events", kinds=_EVENTS),
            *findings_in(people, room="events", kinds=_ALIASES | _NOBODYS),
        ],
    )


def audit_partitions() -> Account:
    """Whether there is room for the events to come."""
    with snapshot() as cursor:
        ends = [end for _, end in _bounds(cursor) if end is not None]
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    left = max(ends) - now if ends else timedelta(0)
    text = "little room left for the events to come: the scheduler, or the worker of its queue, does not run"
    return Account(
        {"partitions": len(ends), "days_ahead": left.days}, [Finding("events.partitions", int(left < AHEAD), text)]
    )


def _kept_from(cursor: CursorWrapper, tenant_id: UUID, now: datetime) -> datetime | None:
    """Older events are promised to nobody: their partition is gone, or the tenant's retention has passed."""
    starts = [start for start, _ in _bounds(cursor)]
    limits = [min(start for start in starts if start is not None)] if starts and None not in starts else []
    cursor.execute("SELECT retention_days FROM tenants_tenant WHERE id = %s", [tenant_id])
    (days,) = cursor.fetchone()
    if days is not None:
        limits.append(now - timedelta(days=days))
    return max(limits, default=None)


def _bounds(cursor: CursorWrapper) -> list[tuple[datetime | None, datetime | None]]:
    """(start, end) of every partition that has bounds; None: no end in that direction."""
    cursor.execute(
        "SELECT pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
        "WHERE i.inhparent = 'events_event'::regclass"
    )
    found = [_BOUND.search(expression) for (expression,) in cursor.fetchall()]
    return [(_instant(match[1]), _instant(match[2])) for match in found if match is not None]


def _instant(text: str) -> datetime | None:
    return parse_datetime(text.strip("'")) if text.startswith("'") else None


_NEW_RECEIPT = "(%(after)s::timestamptz IS NULL OR r.received_at >= %(after)s)"
_NEW_EVENT = "(%(after)s::timestamptz IS NULL OR e.received_at >= %(after)s)"
_KEPT = "(%(kept_from)s::timestamptz IS NULL OR coalesce(r.occurred_at, e.occurred_at) >= %(kept_from)s)"
_EVENTS = {
    "missing": Kind(
        f"r.occurred_at IS NOT NULL AND e.event_id IS NULL AND {_NEW_RECEIPT} AND {_KEPT}",
        "events accepted, but not stored",
    ),
    "doubled": Kind(f"e.copies > 1 AND {_NEW_EVENT}", "events stored more than once"),
    "without_receipt": Kind(f"r.event_id IS NULL AND {_NEW_EVENT}", "events stored without a receipt"),
    "unpromised": Kind(
        f"r.event_id = e.event_id AND r.occurred_at IS NULL AND {_NEW_EVENT} AND {_KEPT}",
        "events stored though their receipt promises none",
    ),
    "moved": Kind(
        f"r.occurred_at <> e.occurred_at AND {_NEW_EVENT}", "events stored at another time than their receipt says"
    ),
}
_READ = "tenant_id = %(tenant)s AND (%(margin)s::timestamptz IS NULL OR received_at >= %(margin)s)"
_COMPARE = f"""
WITH e AS (
    SELECT event_id, count(*) AS copies, min(received_at) AS received_at, min(occurred_at) AS occurred_at
    FROM events_event WHERE {_READ} GROUP BY event_id
), r AS (
    SELECT event_id, received_at, occurred_at FROM events_receipt WHERE {_READ}
)
SELECT count(*) FILTER (WHERE r.event_id IS NOT NULL AND {_NEW_RECEIPT}) AS receipts,
       count(*) FILTER (WHERE r.occurred_at IS NOT NULL AND {_NEW_RECEIPT}) AS promised,
       coalesce(sum(e.copies) FILTER (WHERE {_NEW_EVENT}), 0)::bigint AS events,
       {tallies(_EVENTS, example="coalesce(r.event_id, e.event_id)")}
FROM r FULL JOIN e ON e.event_id = r.event_id
"""
_ALIASES = {
    "astray": Kind(
        "p.merged_into IS NOT NULL AND (t.person_id IS NULL OR t.merged_into IS NOT NULL)",
        "aliases that do not lead to an unmerged person",
    )
}
_NOBODYS = {"of_nobody": Kind("p.person_id IS NULL", "people who have events, but no row of their own")}
_PEOPLE = f"""
WITH people AS (
    SELECT count(*) FILTER (WHERE p.merged_into IS NULL) AS people, {tallies(_ALIASES, example="p.person_id")}
    FROM events_person p
    LEFT JOIN events_person t ON t.tenant_id = %(tenant)s AND t.person_id = p.merged_into
    WHERE p.tenant_id = %(tenant)s
), nobodys AS (
    SELECT {tallies(_NOBODYS, example="e.person_id")}
    FROM (SELECT DISTINCT person_id FROM events_event WHERE {_READ}) e
    LEFT JOIN events_person p ON p.tenant_id = %(tenant)s AND p.person_id = e.person_id AND p.merged_into IS NULL
)
SELECT * FROM people, nobodys
"""
