"""The asking person, under the lock that orders everything about them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection

from events.models import Person, person_id_for
from tenants.clock import read_clock
from tenants.scope import current_tenant_id
from tenants.statements import run

_ATTEMPTS = 5
_LOCK_ONE = """
WITH wanted AS (
    SELECT coalesce(p.merged_into, p.person_id) AS person_id,
           coalesce(p.person_id = %(user)b::uuid, FALSE) AS by_user_id
    FROM events_person p WHERE p.tenant_id = %(tenant)b AND p.person_id = ANY(%(ids)b::uuid[])
    ORDER BY 2 DESC LIMIT 1
), locked AS MATERIALIZED (
    SELECT p.person_id, p.merged_into, p.touched_at, p.traits, w.by_user_id, p.identifier_kind
    FROM wanted w JOIN events_person p ON p.tenant_id = %(tenant)b AND p.person_id = w.person_id FOR UPDATE OF p
)
SELECT locked.*, tenants_clock() FROM locked
"""
_TARGETS = """
SELECT person_id, coalesce(merged_into, person_id) FROM events_person
WHERE tenant_id = %s AND person_id = ANY(%s)
"""
_LOCK_MANY = """
SELECT person_id FROM events_person
WHERE tenant_id = %s AND person_id = ANY(%s) AND merged_into IS NULL ORDER BY person_id FOR UPDATE
"""


@dataclass(frozen=True)
class LockedPerson:
    """A person whose row is locked until the transaction ends; `now` was read after the lock."""

    person_id: UUID
    traits: dict[str, Any]
    is_touched: bool
    found_by_user_id: bool
    has_user_id: bool
    """Known by a user id, so somebody else than the device that asks might claim to be them."""
    now: datetime


def lock_person(*, user_id: str | None, anonymous_id: str | None) -> LockedPerson | None:
    """Lock the person of these identifiers, the user id first; None when neither was ever seen."""
    tenant_id = current_tenant_id()
    kinds = Person.IdentifierKind
    user = person_id_for(tenant_id=tenant_id, kind=kinds.USER_ID, identifier=user_id) if user_id else None
    ids = [user] if user else []
    if anonymous_id:
        ids.append(person_id_for(tenant_id=tenant_id, kind=kinds.ANONYMOUS_ID, identifier=anonymous_id))
    return _lock_one(tenant_id=tenant_id, ids=ids, user=user)


def lock_person_by_id(*, person_id: UUID) -> LockedPerson | None:
    """Lock the person that this id means now."""
    return _lock_one(tenant_id=current_tenant_id(), ids=[person_id], user=None)


def lock_people_behind(person_ids: Iterable[UUID]) -> tuple[dict[UUID, UUID], datetime]:
    """Lock, in id order, the people that these ids mean now: id → person (nobody's ids are left out), and the clock."""
    tenant_id, wanted = current_tenant_id(), list(set(person_ids))
    with connection.cursor() as cursor:
        for _ in range(_ATTEMPTS):
            cursor.execute(_TARGETS, [tenant_id, wanted])
            targets = dict(cursor.fetchall())
            cursor.execute(_LOCK_MANY, [tenant_id, list(set(targets.values()))])
            locked = {row[0] for row in cursor.fetchall()}
            if locked >= set(targets.values()):
                return targets, read_clock()
    raise OperationalError("these people are being merged")


def _lock_one(*, tenant_id: UUID, ids: list[UUID], user: UUID | None) -> LockedPerson | None:
    # A merge may have happened while we waited for the lock: then the locked row is an alias by now.
    for _ in range(_ATTEMPTS):
        rows = run(_LOCK_ONE, {"tenant": tenant_id, "ids": ids, "user": user})
        if not rows:
            return None
        ((person_id, merged_into, touched_at, traits, by_user_id, kind, now),) = rows
        if merged_into is None:
            return LockedPerson(
                person_id=person_id,
                traits=traits,
                is_touched=touched_at is not None,
                found_by_user_id=by_user_id,
                has_user_id=kind == Person.IdentifierKind.USER_ID,
                now=now,
            )
    raise OperationalError("this person is being merged")
