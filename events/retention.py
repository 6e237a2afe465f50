"""Retention: what a tenant does not keep any more is deleted, in short transactions.

Conditions have left it out already, so nothing has to be evaluated anew and no person is locked. Changes of traits and
of memberships stay: they are the history of what is current.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from events.receipts import forget_free_events
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tenants.statements import run

CHUNK = 5_000
# An answer under way may be as of an instant that has just gone by.
GRACE = timedelta(hours=1)


class Place(NamedTuple):
    """Where an event stands in the order of the table's key."""

    person_id: UUID
    name: str
    occurred_at: datetime
    event_id: UUID


_START = Place(UUID(int=0), "", datetime(1, 1, 1, tzinfo=UTC), UUID(int=0))


def tenants_with_retention() -> list[UUID]:
    """Tenants that do not keep everything; needs no scope."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM tenants_with_retention()")
        return [row[0] for row in cursor.fetchall()]


def delete_expired(*, tenant_id: UUID, now: datetime, chunks: int) -> bool:
    """Delete what the tenant does not keep any more, so many chunks at most; opens a scope a chunk.

    Returns whether everything was looked at. What somebody else holds at the moment is left for the next time.
    """
    place = _START
    for _ in range(chunks):
        with tenant_scope(tenant_id):
            days = Tenant.objects.values_list("retention_days", flat=True).get()
            if days is None:
                return True
            kept_since = now - timedelta(days=days) - GRACE
            last = _delete_events(tenant_id, kept_since, after=place)
            if last is None:
                _delete_rejected_items(tenant_id, kept_since)
                return True
            place = last
    return False


def _delete_events(tenant_id: UUID, kept_since: datetime, *, after: Place) -> Place | None:
    """Delete a chunk in the order of the key, so that no chunk looks again at what is gone; None: it was the last."""
    bounds = {"tenant": tenant_id, "kept_since": kept_since}
    rows = run(
        "SELECT person_id, name, occurred_at, event_id FROM events_event "
        "WHERE tenant_id = %(tenant)b AND occurred_at < %(kept_since)b "
        "AND (person_id, name, occurred_at, event_id) > (%(person_id)b, %(name)b, %(at)b, %(event_id)b) "
        "ORDER BY person_id, name, occurred_at, event_id LIMIT %(chunk)b FOR UPDATE SKIP LOCKED",
        {
            **bounds, "person_id": after.person_id, "name": after.name, "at": after.occurred_at,
            "event_id": after.event_id, "chunk": CHUNK,
        },
    )  # fmt: skip
    if not rows:
        return None
    people, names, times, events = (list(column) for column in zip(*rows, strict=True))
    forget_free_events(tenant_id=tenant_id, event_ids=events)
    run(
        "DELETE FROM events_event e USING unnest(%(people)b::uuid[], %(names)b::text[], %(times)b::timestamptz[], "
        "%(events)b::uuid[]) AS d(person_id, name, occurred_at, event_id) "
        "WHERE e.tenant_id = %(tenant)b AND e.occurred_at < %(kept_since)b AND e.person_id = d.person_id "
        "AND e.name = d.name AND e.occurred_at = d.occurred_at AND e.event_id = d.event_id "
        "AND NOT EXISTS (SELECT FROM events_receipt r WHERE r.tenant_id = %(tenant)b AND r.event_id = e.event_id "
        "AND r.occurred_at IS NOT NULL)",
        {**bounds, "people": people, "names": names, "times": times, "events": events},
    )
    return Place(*rows[-1]) if len(rows) == CHUNK else None


def _delete_rejected_items(tenant_id: UUID, kept_since: datetime) -> None:
    """One statement does: the log is bounded."""
    run(
        "DELETE FROM events_rejecteditem WHERE tenant_id = %(tenant)b AND at < %(kept_since)b",
        {"tenant": tenant_id, "kept_since": kept_since},
    )
