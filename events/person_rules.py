"""What a merge and an erasure do to each person-keyed model: its room declares it, whoever merges or erases applies it.

Rules work on many people at once and carry an explicit tenant predicate. They run under the people's locks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from events.models import PersonKeyedModel
from tenants.statements import run


class MergeRule(Protocol):
    def __call__(self, *, tenant_id: UUID, sources: Sequence[UUID], targets: Sequence[UUID]) -> None:
        """Give the rows of each source to the target at the same place; no target is also a source."""


class EraseRule(Protocol):
    def __call__(self, *, tenant_id: UUID, person_ids: Sequence[UUID]) -> None:
        """Leave nothing of these people."""


@dataclass(frozen=True)
class PersonRules:
    """The two rules of one model."""

    merge: MergeRule
    erase: EraseRule


_rules: dict[type[PersonKeyedModel], PersonRules] = {}


def register(model: type[PersonKeyedModel], *, merge: MergeRule, erase: EraseRule) -> None:
    """Declare a model's rules; called when its room is ready. They apply in the order of registration."""
    _rules[model] = PersonRules(merge, erase)


def registered_rules() -> dict[type[PersonKeyedModel], PersonRules]:
    """Every model with its rules."""
    return dict(_rules)


class MoveFacts:
    """The merge rule of facts: they go over and keep whose they were; none of the target's can be in their way."""

    def __init__(self, model: type[PersonKeyedModel]) -> None:
        self.table = model._meta.db_table

    def __call__(self, *, tenant_id: UUID, sources: Sequence[UUID], targets: Sequence[UUID]) -> None:
        run(
            f"UPDATE {self.table} SET person_id = m.target, origin_id = coalesce(origin_id, person_id) "
            "FROM unnest(%(sources)b::uuid[], %(targets)b::uuid[]) AS m(source, target) "
            f"WHERE {self.table}.tenant_id = %(tenant)b AND {self.table}.person_id = m.source",
            {"tenant": tenant_id, "sources": list(sources), "targets": list(targets)},
        )


class DeleteRows:
    """The erase rule of a model whose rows simply go."""

    def __init__(self, model: type[PersonKeyedModel]) -> None:
        self.table = model._meta.db_table

    def __call__(self, *, tenant_id: UUID, person_ids: Sequence[UUID]) -> None:
        run(
            f"DELETE FROM {self.table} WHERE tenant_id = %(tenant)b AND person_id = ANY(%(people)b::uuid[])",
            {"tenant": tenant_id, "people": list(person_ids)},
        )
