"""The people of a batch: which rows they are, their lock, and whom each item is about.

The upsert is the lock: one statement, in person_id order, aliases and the people behind them included.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import msgspec

from events.arrays import Instants, Texts, UUIDs
from events.items import ANONYMOUS, USER, Item
from events.models import person_id_for, person_key
from events.news import EVERYTHING, MOST, as_array, subjects_of
from events.persistence import PeopleChanged
from tenants.clock import read_clock
from tenants.scope import current_tenant_id
from tenants.statements import run

# No joins: a planner whose statistics do not know a new tenant expects one row, and would loop over all its people.
_LOOK = """
    SELECT uuid_send(person_id), uuid_send(merged_into), identifier_kind, identifier FROM events_person
    WHERE tenant_id = %(tenant)b AND person_id = ANY(%(people)b::uuid[])
"""
_LOOK_FOR_ALIASES = f"{_LOOK} AND (merged_into IS NOT NULL OR person_id = ANY(%(previous)b::uuid[]))"
Key: TypeAlias = bytes
"""The 16 bytes of a person's or a message's id."""


class Identifier(msgspec.Struct, frozen=True, gc=False):
    """A user id or an anonymous id, and the row that it derives."""

    kind: str
    text: str
    key: Key


class Asked(msgspec.Struct, frozen=True):
    """The identifiers that one item names; `previous` is alias's, as a user id and as an anonymous id.

    `occurred_at` is in microseconds since 1970.
    """

    item: Item
    event_key: Key
    occurred_at: int
    user: Identifier | None
    anonymous: Identifier | None
    previous: tuple[Identifier, Identifier] | None = None


class Known(msgspec.Struct, frozen=True):
    """A row as it stood when we looked."""

    merged_into: Key | None
    target_kind: str | None
    target_text: str | None


@dataclass(frozen=True, slots=True)
class Attribution:
    """Whom each item is about (None: nobody, it is refused), the rows it needs, and who merges into whom, flat.

    `merges` is source → (target, the message that merges them).
    """

    people: list[Key | None]
    rows: list[list[Identifier]]
    merges: dict[Key, tuple[Key, Key]]


def ask(*, tenant: bytes, item: Item, event_key: Key, occurred_at: int) -> Asked:
    """Derive the rows that an item names; `tenant` is the tenant's id."""

    def identifier(kind: str, text: str) -> Identifier:
        return Identifier(kind, text, person_key(tenant=tenant, kind=kind, identifier=text))

    previous = None
    if item.previous_id is not None and item.previous_id != item.user_id:
        previous = (identifier(USER, item.previous_id), identifier(ANONYMOUS, item.previous_id))
    return Asked(
        item=item,
        event_key=event_key,
        occurred_at=occurred_at,
        user=identifier(USER, item.user_id) if item.user_id is not None else None,
        anonymous=identifier(ANONYMOUS, item.anonymous_id) if item.anonymous_id is not None else None,
        previous=previous,
    )


def look(*, tenant_id: UUID, asked: Iterable[Asked]) -> dict[Key, Known]:
    """The aliases among the rows, and the previous ids that exist already, without a lock."""
    wanted = {identifier.key for one in asked for identifier in _named(one)}
    previous = {identifier.key for one in asked for identifier in one.previous or ()}
    values = {"tenant": tenant_id, "people": UUIDs(list(wanted)), "previous": UUIDs(list(previous))}
    rows = run(_LOOK_FOR_ALIASES, values)
    merged_into = {key: target for key, target, _, _ in rows}
    targets: dict[Key, tuple[str, str]] = {}
    if aliased := list(filter(None, merged_into.values())):
        found = run(_LOOK, {"tenant": tenant_id, "people": UUIDs(aliased)})
        targets = {key: (kind, text) for key, _, kind, text in found}
    return {
        key: Known(target, *(targets.get(target, (None, None)) if target else (None, None)))
        for key, target in merged_into.items()
    }


def attribute(*, asked: Sequence[Asked], known: Mapping[Key, Known], may_merge_users: bool) -> Attribution:
    """Decide whom the items are about and who merges; pure.

    An anonymous id that comes with a user id merges into that user's person, once. alias merges an anonymous or unknown
    previousId; only `may_merge_users` (a server key) merges one that is somebody already.
    """
    parents = {key: row.merged_into for key, row in known.items() if row.merged_into}
    existing = set(known)
    merged_by: dict[Key, Key] = {}
    rows: list[list[Identifier]] = []

    def root(key: Key) -> Key:
        while (parent := parents.get(key)) is not None:
            key = parent
        return key

    def merge(source: Key, target: Key, one: Asked) -> None:
        if source != target:
            parents[source] = target
            merged_by[source] = one.event_key

    for one in asked:
        named = [identifier for identifier in (one.user, one.anonymous) if identifier]
        if one.previous and one.user:
            previous = _previous(one.previous, existing, may_merge_users)
            source, target = root(previous[0].key), root(one.user.key)
            is_somebody = previous[0].kind == USER or source != previous[0].key
            if is_somebody and source != target and not may_merge_users:
                rows.append([])
                continue
            merge(source, target, one)
            for identifier in previous[1:]:
                if identifier.key not in parents:
                    merge(identifier.key, target, one)
            named += previous
        if one.user and one.anonymous and one.anonymous.key not in parents:
            merge(one.anonymous.key, root(one.user.key), one)
        existing.update(identifier.key for identifier in named)
        rows.append(named)
    return Attribution(
        people=[root(named[0].key) if named else None for named in rows],
        rows=rows,
        merges={source: (root(source), event) for source, event in merged_by.items()},
    )


def lock(
    *,
    tenant_id: UUID,
    asked: Sequence[Asked],
    rows: Sequence[Sequence[Identifier]],
    known: Mapping[Key, Known],
    arrived_at: datetime,
) -> datetime:
    """Create what is missing, lock and touch everybody; returns the tenant's clock after the last lock.

    Raises PeopleChanged when what we had looked at is no longer so.
    """
    people: dict[Key, tuple[str, str, int, int, frozenset[str]]] = {}

    def seen(key: Key, kind: str, text: str, at: int, news: frozenset[str]) -> None:
        _, _, first, last, former = people.get(key, (kind, text, at, at, news))
        people[key] = (kind, text, min(first, at), max(last, at), former | news)

    for one, named in zip(asked, rows, strict=True):
        news = subjects_of(event_name=one.item.event_name, has_traits=bool(one.item.traits))
        for identifier in named:
            seen(identifier.key, identifier.kind, identifier.text, one.occurred_at, news)
            behind = known.get(identifier.key)
            if behind and behind.merged_into and behind.target_kind and behind.target_text is not None:
                seen(behind.merged_into, behind.target_kind, behind.target_text, one.occurred_at, news)
    ordered = sorted(people)
    rows_of = [people[key] for key in ordered]
    aliases = run(
        _LOCK,
        {
            "tenant": tenant_id,
            "arrived": arrived_at,
            "people": UUIDs(ordered),
            "kinds": Texts([kind.encode() for kind, _, _, _, _ in rows_of]),
            "texts": Texts([text.encode() for _, text, _, _, _ in rows_of]),
            "firsts": Instants([first for _, _, first, _, _ in rows_of]),
            "lasts": Instants([last for _, _, _, last, _ in rows_of]),
            "news": Texts([as_array(news) for _, _, _, _, news in rows_of]),
            "everything": [EVERYTHING],
            "most": MOST,
        },
    )
    expected = {key: known[key].merged_into for key in known.keys() & people.keys() if known[key].merged_into}
    if dict(aliases) != expected:
        raise PeopleChanged
    return max(read_clock(), arrived_at)


def find_person_id(*, user_id: str | None, anonymous_id: str | None) -> UUID | None:
    """The unmerged person of the scope's tenant whom these identifiers mean, the user id first; None if unknown."""
    tenant_id = current_tenant_id()
    candidates = [
        person_id_for(tenant_id=tenant_id, kind=kind, identifier=text)
        for kind, text in ((USER, user_id), (ANONYMOUS, anonymous_id))
        if text
    ]
    rows = run(
        "SELECT person_id, coalesce(merged_into, person_id) FROM events_person "
        "WHERE tenant_id = %(tenant)b AND person_id = ANY(%(people)b::uuid[])",
        {"tenant": tenant_id, "people": candidates},
    )
    found = dict(rows)
    return next((found[person_id] for person_id in candidates if person_id in found), None)


def _named(one: Asked) -> list[Identifier]:
    return [identifier for identifier in (one.user, one.anonymous, *(one.previous or ())) if identifier]


def _previous(pair: tuple[Identifier, Identifier], existing: set[Key], may_merge_users: bool) -> list[Identifier]:
    """Whom a previousId means: those who exist, the user first; nobody yet: an anonymous id, or for a server either."""
    found = [identifier for identifier in pair if identifier.key in existing]
    if not may_merge_users:
        return found[:1] or [pair[1]]
    return found or list(pair)


# An alias is locked but not touched: nobody would ever digest it. What a new person's row names is EVERYTHING and more.
_LOCK = """
    WITH locked AS (
        INSERT INTO events_person AS p (tenant_id, person_id, identifier_kind, identifier, first_seen_at, last_seen_at,
                                        created_at, traits, touched_at, news)
        SELECT %(tenant)b, n.person_id, n.kind, n.identifier, n.first_seen_at, n.last_seen_at, %(arrived)b, '{}',
               clock_timestamp(), n.news::text[]
        FROM unnest(%(people)b::uuid[], %(kinds)b::text[], %(texts)b::text[], %(firsts)b::timestamptz[],
                    %(lasts)b::timestamptz[], %(news)b::text[])
            AS n(person_id, kind, identifier, first_seen_at, last_seen_at, news)
        ORDER BY n.person_id
        ON CONFLICT (tenant_id, person_id) DO UPDATE SET
            first_seen_at = least(p.first_seen_at, excluded.first_seen_at),
            last_seen_at = greatest(p.last_seen_at, excluded.last_seen_at),
            touched_at = CASE WHEN p.merged_into IS NULL THEN coalesce(p.touched_at, clock_timestamp()) END,
            news = CASE WHEN p.touched_at IS NULL THEN excluded.news[2:]
                        WHEN p.news @> excluded.news[2:] THEN p.news
                        WHEN cardinality(p.news) > %(most)b THEN %(everything)b::text[]
                        ELSE p.news || excluded.news[2:] END
        RETURNING p.person_id, p.merged_into
    )
    SELECT uuid_send(person_id), uuid_send(merged_into) FROM locked WHERE merged_into IS NOT NULL
"""
