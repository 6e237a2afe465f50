"""A noisy tenant: many people with news, or many who come due, all at once."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import connection

from tenants.scope import tenant_scope


def touch_crowd(*, tenant_id: UUID, people: int, now: datetime) -> None:
    """Store so many people who all have news of now; opens its own scope."""
    with tenant_scope(tenant_id), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events_person (tenant_id, person_id, identifier_kind, identifier, first_seen_at, "
            "last_seen_at, traits, touched_at) "
            "SELECT %(tenant)s, gen_random_uuid(), 'user_id', 'crowd-' || gen_random_uuid(), %(now)s, %(now)s, "
            "'{}', %(now)s FROM generate_series(1, %(people)s)",
            {"tenant": tenant_id, "people": people, "now": now},
        )


def make_crowd_due(*, tenant_id: UUID, segment_id: UUID, at: datetime, version: int = 1) -> None:
    """Let what is stored of everybody and a segment be valid until an instant; opens its own scope."""
    with tenant_scope(tenant_id), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO segments_membership "
            "(tenant_id, person_id, segment_id, version, is_member, valid_until, since) "
            "SELECT tenant_id, person_id, %(segment)s, %(version)s, FALSE, %(at)s, %(at)s FROM events_person "
            "WHERE tenant_id = %(tenant)s AND merged_into IS NULL "
            "ON CONFLICT (tenant_id, person_id, segment_id, version) DO UPDATE SET valid_until = excluded.valid_until",
            {"tenant": tenant_id, "segment": segment_id, "version": version, "at": at},
        )
