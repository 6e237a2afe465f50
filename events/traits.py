"""Traits: every change is kept; the current value of each is that of the latest `occurred_at`, clears included.

Ties go to the greater event id, so the outcome does not depend on the order of arrival. One person's traits are
bounded, for every change and every decision reads them whole: who is full keeps what they have, which may still change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from events.arrays import Instants
from events.lenient import encode_json, exact_number
from events.normalisation import normalised
from tenants.statements import run

MAX_TRAITS = 2_000
MAX_BYTES = 1_000_000
_PUNCTUATION = 6  # quotes, colon, comma and two spaces, as the database writes them
_decode = msgspec.json.Decoder(dict[str, Any], float_hook=exact_number).decode
_decode_value = msgspec.json.Decoder(float_hook=exact_number).decode


@dataclass(frozen=True, slots=True)
class Change:
    """One trait set, or cleared (`value` None), by one event; `occurred_at` in microseconds since 1970."""

    person_id: UUID
    name: str
    value: Any
    occurred_at: int
    event_id: UUID


class PersonTraits:
    """One person's current traits, within their bounds."""

    def __init__(self, document: str) -> None:
        self.values = _decode(document)
        self.bytes = len(document.encode())

    def put(self, name: str, value: Any) -> bool:
        """Set a trait, or clear it (None); False where there is no room for it."""
        growth = _size(name, value) - _size(name, self.values.get(name))
        is_one_more = value is not None and name not in self.values
        if (growth > 0 and self.bytes + growth > MAX_BYTES) or (is_one_more and len(self.values) >= MAX_TRAITS):
            return False
        self.bytes += growth
        if value is None:
            self.values.pop(name, None)
        else:
            self.values[name] = value
        return True


def _size(name: str, value: Any) -> int:
    return 0 if value is None else len(name.encode()) + len(encode_json(value)) + _PUNCTUATION


def record_changes(*, tenant_id: UUID, changes: Sequence[Change], received_at: datetime) -> list[Change]:
    """Store changes of people whose locks the caller holds, and bring their current traits up to date.

    Returns those for which the person has no room: they are not stored.
    """
    if not changes:
        return []
    refused = _without_room(tenant_id, changes)
    if refused:
        gone = set(map(id, refused))
        changes = [change for change in changes if id(change) not in gone]
    run(
        "INSERT INTO events_traitchange "
        "(tenant_id, person_id, name, value, value_normal, occurred_at, received_at, event_id) "
        "SELECT %(tenant)b, c.person_id, c.name, c.value::jsonb, c.normal::jsonb, c.occurred_at, %(received)b, "
        "c.event_id FROM unnest(%(people)b::uuid[], %(names)b::text[], %(values)b::text[], %(normal)b::text[], "
        "%(times)b::timestamptz[], %(events)b::uuid[]) AS c(person_id, name, value, normal, occurred_at, event_id) "
        "ON CONFLICT DO NOTHING",
        {
            "tenant": tenant_id,
            "received": received_at,
            "people": [change.person_id for change in changes],
            "names": [change.name for change in changes],
            "values": [_text(change.value) for change in changes],
            "normal": [_text(normalised(change.value)) for change in changes],
            "times": Instants([change.occurred_at for change in changes]),
            "events": [change.event_id for change in changes],
        },
    )
    refresh_traits(tenant_id=tenant_id, pairs={(change.person_id, change.name) for change in changes})
    return refused


def _text(value: Any) -> str | None:
    return None if value is None else encode_json(value).decode()


def _without_room(tenant_id: UUID, changes: Sequence[Change]) -> list[Change]:
    """The changes that do not fit, in their order; only people who might be full are looked at one by one."""
    counts: Counter[UUID] = Counter()
    sizes: Counter[UUID] = Counter()
    for change in changes:
        counts[change.person_id] += 1
        sizes[change.person_id] += _size(change.name, change.value)
    rows = run(
        "SELECT p.person_id, p.traits::text FROM events_person p "
        "JOIN unnest(%(people)b::uuid[], %(counts)b::int[], %(sizes)b::int[]) AS w(person_id, count, size) "
        "ON p.person_id = w.person_id WHERE p.tenant_id = %(tenant)b AND p.person_id = ANY(%(people)b::uuid[]) "
        "AND (octet_length(p.traits::text) + w.size > %(max_bytes)b "
        "OR (SELECT count(*) FROM jsonb_object_keys(p.traits)) + w.count > %(max_traits)b)",
        {
            "tenant": tenant_id,
            "people": list(counts),
            "counts": list(counts.values()),
            "sizes": list(sizes.values()),
            "max_bytes": MAX_BYTES,
            "max_traits": MAX_TRAITS,
        },
    )
    nearly_full = {person_id: PersonTraits(document) for person_id, document in rows}
    return [
        change
        for change in changes
        if change.person_id in nearly_full and not nearly_full[change.person_id].put(change.name, change.value)
    ]


def refresh_traits(
    *, tenant_id: UUID, pairs: Iterable[tuple[UUID, str]] = (), whole_people: Sequence[UUID] = ()
) -> None:
    """Recompute the current value of these (person, trait) pairs, and of every trait of `whole_people`.

    What two people bring together and one has no room for is left out, the target's own traits last.
    """
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
    people: dict[UUID, PersonTraits] = {}
    for person_id, name, document in rows:
        if name is None:
            people[person_id] = PersonTraits(document)
            continue
        people[person_id].put(name, None if document is None else _decode_value(document))
    if not people:
        return
    normal = [normalised(traits.values) for traits in people.values()]
    run(
        "UPDATE events_person p SET traits = t.traits::jsonb, traits_normal = t.traits_normal::jsonb "
        "FROM unnest(%(people)b::uuid[], %(traits)b::text[], %(normal)b::text[]) "
        "AS t(person_id, traits, traits_normal) "
        "WHERE p.tenant_id = %(tenant)b AND p.person_id = t.person_id AND p.person_id = ANY(%(people)b::uuid[])",
        {
            "tenant": tenant_id,
            "people": list(people),
            "traits": [_text(traits.values) for traits in people.values()],
            "normal": [_text(traits) for traits in normal],
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
    WHERE p.tenant_id = %(tenant)b AND p.person_id = ANY(%(people)b::uuid[] || %(whole)b::uuid[])
    UNION ALL
    SELECT w.person_id, w.name, latest.value::text
    FROM wanted w LEFT JOIN LATERAL (
        SELECT c.value FROM events_traitchange c
        WHERE c.tenant_id = %(tenant)b AND c.person_id = w.person_id AND c.name = w.name
        ORDER BY c.occurred_at DESC, c.event_id DESC LIMIT 1
    ) latest ON TRUE
    ORDER BY name NULLS FIRST
"""
