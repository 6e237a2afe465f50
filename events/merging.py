"""Merging people: an anonymous person becomes the identified one; every model's rows follow by its rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from events.models import Event, Person, TraitChange
from events.news import EVERYTHING
from events.people import Key
from events.person_rules import DeleteRows, MoveFacts, register, registered_rules
from events.traits import refresh_traits
from tenants.statements import run


def merge_people(*, tenant_id: UUID, merges: Mapping[Key, tuple[Key, Key]], merged_at: datetime) -> None:
    """Merge each source (key) into its target, the first of the pair; the second is the message that merges them.

    The caller holds the locks of all of them; no source is merged yet, no target is a source. Afterwards chains are
    flat, the targets' traits are those of both, and the targets are touched.
    """
    if not merges:
        return
    sources = [UUID(bytes=source) for source in merges]
    targets = [UUID(bytes=target) for target, _ in merges.values()]
    events = [UUID(bytes=event) for _, event in merges.values()]
    _record(tenant_id, sources, targets, events, merged_at)
    for rules in registered_rules().values():
        rules.merge(tenant_id=tenant_id, sources=sources, targets=targets)
    refresh_traits(tenant_id=tenant_id, whole_people=targets)


def _record(
    tenant_id: UUID, sources: Sequence[UUID], targets: Sequence[UUID], events: Sequence[UUID], merged_at: datetime
) -> None:
    """When, into whom and by which message: what an evaluation as of the past goes by. An alias keeps its own."""
    run(
        "UPDATE events_person p SET merged_at = %(at)b, merge_target = m.target, merge_event_id = m.event_id "
        "FROM unnest(%(sources)b::uuid[], %(targets)b::uuid[], %(events)b::uuid[]) AS m(source, target, event_id) "
        "WHERE p.tenant_id = %(tenant)b AND p.person_id = m.source AND p.person_id = ANY(%(sources)b::uuid[])",
        {"tenant": tenant_id, "at": merged_at, "sources": sources, "targets": targets, "events": events},
    )


def _merge_person(*, tenant_id: UUID, sources: Sequence[UUID], targets: Sequence[UUID]) -> None:
    """A source becomes an alias, and so do its own aliases; the target was seen whenever either was."""
    values = {"tenant": tenant_id, "sources": list(sources), "targets": list(targets), "everything": [EVERYTHING]}
    run(
        "UPDATE events_person p SET merged_into = m.target, touched_at = NULL, traits = '{}', traits_normal = NULL "
        "FROM unnest(%(sources)b::uuid[], %(targets)b::uuid[]) AS m(source, target) "
        "WHERE p.tenant_id = %(tenant)b AND (p.person_id = m.source OR p.merged_into = m.source)",
        values,
    )
    run(
        "UPDATE events_person p SET first_seen_at = least(p.first_seen_at, s.first_seen_at), "
        "last_seen_at = greatest(p.last_seen_at, s.last_seen_at), "
        "touched_at = coalesce(p.touched_at, clock_timestamp()), news = %(everything)b::text[] "
        "FROM (SELECT m.target, min(a.first_seen_at) AS first_seen_at, max(a.last_seen_at) AS last_seen_at "
        "      FROM unnest(%(sources)b::uuid[], %(targets)b::uuid[]) AS m(source, target) "
        "      JOIN events_person a ON a.tenant_id = %(tenant)b AND a.person_id = m.source GROUP BY m.target) s "
        "WHERE p.tenant_id = %(tenant)b AND p.person_id = s.target",
        values,
    )


def _erase_person(*, tenant_id: UUID, person_ids: Sequence[UUID]) -> None:
    """The person and every alias."""
    run(
        "DELETE FROM events_person WHERE tenant_id = %(tenant)b "
        "AND (person_id = ANY(%(people)b::uuid[]) OR merged_into = ANY(%(people)b::uuid[]))",
        {"tenant": tenant_id, "people": list(person_ids)},
    )


def register_rules() -> None:
    """The rules of this room's own models."""
    register(Event, merge=MoveFacts(Event), erase=DeleteRows(Event))
    register(TraitChange, merge=MoveFacts(TraitChange), erase=DeleteRows(TraitChange))
    register(Person, merge=_merge_person, erase=_erase_person)
