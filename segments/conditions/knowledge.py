"""Where a compiled condition finds people and their facts: as we know them, or as we knew them at an instant.

Facts bear when they came and whose they then were, people when and into whom they were merged. So what was known once
is found in the same tables, by leaving out what came later.
"""

from __future__ import annotations

from typing import Protocol

from segments.conditions.parameters import Parameters


class Knowledge(Protocol):
    """The sources of a statement; `p` is a person, `e` an event.

    They are made of placeholders: of the tenant, of the people in scope (None: everybody), of instants.
    """

    owner: str
    """Whose an event is."""
    events: str
    """FROM and WHERE of the events of the people in scope."""
    people: str
    """WHERE of the people in scope."""

    def trait_document(self, name: str) -> str:
        """The jsonb with this trait of the person, its texts normalised."""

    def ctes(self) -> list[str]:
        """What must stand before all others."""

    def joins(self) -> list[str]:
        """What must be joined to the people."""


class Present:
    """Everything that we know: facts stand under the person whose they are, current traits in the person's row."""

    def __init__(self, *, tenant: str, people: str | None) -> None:
        self.owner = "e.person_id"
        self.events = f"events_event e WHERE e.tenant_id = {tenant}"
        self.people = f"p.tenant_id = {tenant} AND p.merged_into IS NULL"
        if people is not None:
            self.events += f" AND e.person_id = ANY({people})"
            self.people += f" AND p.person_id = ANY({people})"

    def trait_document(self, name: str) -> str:
        return "coalesce(p.traits_normal, p.traits)"

    def ctes(self) -> list[str]:
        return []

    def joins(self) -> list[str]:
        return []


class Past:
    """What had happened by `as_of`, as far as we had been told by `known_at`."""

    def __init__(self, *, tenant: str, people: str | None, as_of: str, known_at: str, parameters: Parameters) -> None:
        self.parameters = parameters
        self.tenant, self.in_scope, self.as_of, self.known_at = tenant, people, as_of, known_at
        self.names: set[str] = set()
        self.owner = _owner("e")
        self.events = f"events_event e {self._of_whom('e')}"
        self.people = (
            f"p.tenant_id = {self.tenant} AND p.created_at <= {self.known_at} AND p.first_seen_at <= {self.as_of} "
            f"AND (p.merged_at IS NULL OR p.merged_at > {self.known_at})"
        ) + ("" if people is None else f" AND p.person_id = ANY({people})")

    def trait_document(self, name: str) -> str:
        self.names.add(name)
        return "known_traits.document"

    def ctes(self) -> list[str]:
        """Whose facts are whose by then; then the traits, each by the latest change."""
        ctes = [
            "joined AS MATERIALIZED (SELECT person_id, merge_target FROM events_person "
            f"WHERE tenant_id = {self.tenant} AND merged_at <= {self.known_at})",
            "steps AS (SELECT person_id, merge_target AS owner_id FROM joined UNION ALL "
            "SELECT s.person_id, j.merge_target FROM steps s JOIN joined j ON j.person_id = s.owner_id)",
            "owners AS MATERIALIZED (SELECT s.person_id, s.owner_id FROM steps s "
            "WHERE NOT EXISTS (SELECT FROM joined j WHERE j.person_id = s.owner_id))",
        ]
        if self.names:
            names = self.parameters.add(sorted(self.names), "text[]")
            ctes.append(
                "known_traits AS MATERIALIZED (SELECT l.person_id, jsonb_object_agg(l.name, l.value) AS document FROM ("
                f"SELECT DISTINCT ON ({_owner('c')}, c.name) {_owner('c')} AS person_id, c.name, "
                f"coalesce(c.value_normal, c.value) AS value FROM events_traitchange c {self._of_whom('c')} "
                f"AND c.name = ANY({names}) AND c.occurred_at <= {self.as_of} "
                f"ORDER BY {_owner('c')}, c.name, c.occurred_at DESC, c.event_id DESC) l "
                "WHERE l.value IS NOT NULL GROUP BY l.person_id)"
            )
        return ctes

    def joins(self) -> list[str]:
        return ["LEFT JOIN known_traits ON known_traits.person_id = p.person_id"] if self.names else []

    def _of_whom(self, fact: str) -> str:
        """The join that finds a fact's owner, and the WHERE of the known facts in scope."""
        known = (
            f"LEFT JOIN owners o ON o.person_id = coalesce({fact}.origin_id, {fact}.person_id) "
            f"WHERE {fact}.tenant_id = {self.tenant} AND {fact}.received_at <= {self.known_at}"
        )
        if self.in_scope is None:
            return known
        # By now the facts may stand under somebody else.
        standing = (
            f"SELECT coalesce(merged_into, person_id) FROM events_person "
            f"WHERE tenant_id = {self.tenant} AND person_id = ANY({self.in_scope})"
        )
        return f"{known} AND {fact}.person_id IN ({standing}) AND {_owner(fact)} = ANY({self.in_scope})"


def _owner(fact: str) -> str:
    return f"coalesce(o.owner_id, {fact}.origin_id, {fact}.person_id)"
