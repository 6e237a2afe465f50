"""Digesting: the people with news and the people who came due, batch by batch, the longest waiting first."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.db import connection

from events.persistence import persistently
from segments.membership import find_due, find_touched, lock_people, refresh
from tenants.scope import tenant_scope

BATCH = 200
"""People locked at a time: whoever brings facts about one of them waits until all are stored."""


def drain(*, tenant_id: UUID, batches: int = 1000) -> int:
    """Evaluate the touched people of a tenant, so many batches at most; returns how many; opens a scope a batch."""
    return _in_batches(tenant_id, find_touched, batches)


def sweep_due(*, tenant_id: UUID, batches: int = 20) -> int:
    """Evaluate the people who came due, likewise."""
    return _in_batches(tenant_id, find_due, batches)


def is_anybody_touched(*, tenant_id: UUID) -> bool:
    """Whether a drain would find anybody; opens a scope."""
    with tenant_scope(tenant_id):
        return bool(find_touched(limit=1))


def is_anybody_due(*, tenant_id: UUID) -> bool:
    """Whether a sweep would find anybody; opens a scope."""
    with tenant_scope(tenant_id):
        return bool(find_due(limit=1))


def tenants_with_work() -> list[UUID]:
    """Tenants with touched or due people or a recomputation; needs no scope."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM tenants_with_work()")
        return [row[0] for row in cursor.fetchall()]


def _in_batches(tenant_id: UUID, find: Callable[..., list[UUID]], batches: int) -> int:
    def digest() -> tuple[int, int]:
        with tenant_scope(tenant_id):
            found = find(limit=BATCH)
            person_ids = lock_people(found)
            if person_ids:
                refresh(person_ids=person_ids)
        return len(found), len(person_ids)

    done = 0
    for _ in range(batches):
        found, digested = persistently(digest)
        done += digested
        if found < BATCH:
            break
    return done
