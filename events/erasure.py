"""Erasing people: nothing that is kept by person, and no rejected item, holds them afterwards."""

from __future__ import annotations

from uuid import UUID

from events.persistence import PeopleChanged, persistently
from events.person_rules import registered_rules
from events.receipts import forget_events
from events.rejections import forget_people
from tenants.scope import tenant_scope
from tenants.statements import run

_WHO = """
    SELECT coalesce(merged_into, person_id) FROM events_person
    WHERE tenant_id = %(tenant)b AND person_id = %(person)b
"""
_ROWS = """
    SELECT person_id, merged_into FROM events_person
    WHERE tenant_id = %(tenant)b AND (person_id = %(person)b OR merged_into = %(person)b) ORDER BY person_id
"""


def erase_person(*, tenant_id: UUID, person_id: UUID) -> bool:
    """Erase the person whom this id means now, with all aliases; returns whether there was one. Opens the scope.

    Events that arrive later under the same identifiers make a new person.
    """

    def erase() -> bool:
        with tenant_scope(tenant_id):
            row_ids = _lock(tenant_id, person_id)
            forget_events(tenant_id=tenant_id, person_ids=row_ids)
            for rules in registered_rules().values():
                rules.erase(tenant_id=tenant_id, person_ids=row_ids)
            forget_people(tenant_id=tenant_id, person_ids=row_ids)
        return bool(row_ids)

    return persistently(erase)


def _lock(tenant_id: UUID, named: UUID) -> list[UUID]:
    """Lock the rows of the person whom this id means, aliases included, in their order; empty: it means nobody.

    Raises PeopleChanged when a merge or another erasure came in between.
    """
    who = run(_WHO, {"tenant": tenant_id, "person": named})
    if not who:
        return []
    person_id = who[0][0]
    values = {"tenant": tenant_id, "person": person_id}
    locked = run(f"{_ROWS} FOR UPDATE", values)
    # While we waited the person may have become an alias, or got one that we have neither seen nor locked.
    if (person_id, None) not in locked or run(_ROWS, values) != locked:
        raise PeopleChanged
    return [row_id for row_id, _ in locked]
