"""Erasing people: nothing that is kept by person, and no rejected item, holds them afterwards."""

from __future__ import annotations

from uuid import UUID

from events.person_rules import registered_rules
from events.receipts import forget_events
from events.rejections import forget_people
from events.statements import run
from tenants.scope import tenant_scope


def erase_person(*, tenant_id: UUID, person_id: UUID) -> bool:
    """Erase an unmerged person with all aliases, under the lock; returns whether there was one. Opens the scope.

    Events that arrive later under the same identifiers make a new person.
    """
    with tenant_scope(tenant_id):
        values = {"tenant": tenant_id, "person": person_id}
        rows = run(
            "SELECT person_id, merged_into FROM events_person WHERE tenant_id = %(tenant)b "
            "AND (person_id = %(person)b OR merged_into = %(person)b) ORDER BY person_id FOR UPDATE",
            values,
        )
        if not any(merged_into is None for _, merged_into in rows):
            return False
        forget_events(tenant_id=tenant_id, person_ids=[person_id])
        for rules in registered_rules().values():
            rules.erase(tenant_id=tenant_id, person_ids=[person_id])
        forget_people(tenant_id=tenant_id, person_ids=[row_id for row_id, _ in rows])
    return True
