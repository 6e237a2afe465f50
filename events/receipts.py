"""Receipts outlive their events, so that a message sent again is known; they tell which events must be there."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from tenants.statements import run


def forget_events(*, tenant_id: UUID, person_ids: Sequence[UUID]) -> None:
    """Said before these people's events are deleted: their receipts stay, and no longer promise an event."""
    run(
        "UPDATE events_receipt r SET occurred_at = NULL FROM events_event e "
        "WHERE e.tenant_id = %(tenant)b AND e.person_id = ANY(%(people)b::uuid[]) "
        "AND r.tenant_id = %(tenant)b AND r.event_id = e.event_id",
        {"tenant": tenant_id, "people": list(person_ids)},
    )


def forget_free_events(*, tenant_id: UUID, event_ids: Sequence[UUID]) -> None:
    """The same for single events, but for receipts that somebody holds: these go on promising."""
    run(
        "UPDATE events_receipt r SET occurred_at = NULL FROM (SELECT event_id FROM events_receipt "
        "WHERE tenant_id = %(tenant)b AND event_id = ANY(%(events)b::uuid[]) FOR UPDATE SKIP LOCKED) free "
        "WHERE r.tenant_id = %(tenant)b AND r.event_id = free.event_id",
        {"tenant": tenant_id, "events": list(event_ids)},
    )
