"""Traits: every change is kept; the current value of each is that of the latest `occurred_at`, clears included.

Ties go to the greater event id, so the outcome does not depend on the order of arrival.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from events.lenient import encode_json, exact_number
from events.normalisation import normalised
from events.statements import run

_decode = msgspec.json.Decoder(dict[str, Any], float_hook=exact_number).decode
_decode_value = msgspec.json.Decoder(float_hook=exact_number).decode


@dataclass(frozen=True, slots=True)
class Change:
    """One trait set, or cleared (`value` None), by one event."""

    person_id: UUID
    name: str
    value: Any
    occurred_at: datetime
    event_id: UUID


def record_changes(*, tenant_id: UUID, changes: Sequence[Change], received_at: datetime) -> None:
    """Store changes of people whose locks the caller holds, and bring their current traits up to date."""
    if not changes:
        return
    run(
        "INSERT INTO events_traitchange (tenant_id, person_id, name, value, occurred_at, received_at, event_id) "
        "SELECT %(tenant)b, c.person_id, c.name, c.value::jsonb, c.occurred_at, %(received)b, c.event_id "
        "FROM unnest(%(people)b::uuid[], %(names)b::text[], %(values)b::text[], %(times)b::timestamptz[], "
        "%(events)b::uuid[]) AS c(person_id, name, value, occurred_at, event_id) ON CONFLICT DO NOTHING",
        {
            "tenant": tenant_id,
            "received": received_at,
            "people": [change.person_id for change in changes],
            "names": [change.name for change in changes],
            "values": [None if change.value is None else encode_json(change.value).decode() for change in changes],
            "times": [change.occurred_at for change in changes],
            "events": [change.event_id for change in changes],
        },
    )
    refresh_traits(tenant_id=tenant_id, pairs={(change.person_id, change.name) for change in changes})


def refresh_traits(
    *, tenant_id: UUID, pairs: Iterable[tuple[UUID, str]] = (), whole_people: Sequence[UUID] = ()
) -> None:
    """Recompute the current value of these (person, trait) pairs, and of every trait of `whole_people`."""
    wanted = sorted(set(pairs))
    rows = run(
        _CURRENT,
        {
            "tenant": tenant_id,
            "people": [person_id for person_id, _ in wanted],
            "names": [name for _, name in wanted],
            "whole": list(whole_people),
        },
    )
    people: dict[UUID, dict[str, Any]] = {}
    for person_id, name, document in rows:
        if name is None:
            people[person_id] = _decode(document)
            continue
        value = None if document is None else _decode_value(document)
        if value is None:
            people[person_id].pop(name, None)
        else:
            people[person_id][name] = value
    if not people:
        return
    normal = [normalised(traits) for traits in people.values()]
    run(
        "UPDATE events_person p SET traits = t.traits::jsonb, traits_normal = t.traits_normal::jsonb "
        "FROM unnest(%(people)b::uuid[], %(traits)b::text[], %(normal)b::text[]) "
        "AS t(person_id, traits, traits_normal) "
        "WHERE p.tenant_id = %(tenant)b AND p.person_id = t.person_id",
        {
            "tenant": tenant_id,
            "people": list(people),
            "traits": [encode_json(traits).decode() for traits in people.values()],
            "normal": [None if traits is None else encode_json(traits).decode() for traits in normal],
        },
    )


# One step down the index for each pair, whatever the length of its history.
_CURRENT = """
    WITH wanted AS (
        SELECT * FROM unnest(%(people)b::uuid[], %(names)b::text[]) AS w(person_id, name)
        UNION
        SELECT DISTINCT person_id, name FROM events_traitchange
        WHERE tenant_id = %(tenant)b AND person_id = ANY(%(whole)b::uuid[])
    )
    SELECT p.person_id, NULL AS name, p.traits::text
    FROM events_person p
    WHERE p.tenant_id = %(tenant)b AND p.person_id IN (SELECT person_id FROM wanted)
    UNION ALL
    SELECT w.person_id, w.name, latest.value::text
    FROM wanted w LEFT JOIN LATERAL (
        SELECT c.value FROM events_traitchange c
        WHERE c.tenant_id = %(tenant)b AND c.person_id = w.person_id AND c.name = w.name
        ORDER BY c.occurred_at DESC, c.event_id DESC LIMIT 1
    ) latest ON TRUE
    ORDER BY name NULLS FIRST
"""
