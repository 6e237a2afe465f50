"""The people of a batch: which rows they are, their lock, and whom each item is about.

The upsert is the lock: one statement, in person_id order, aliases and the people behind them included.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from uuid import UUID

from events.items import ANONYMOUS, USER, Item
from events.models import person_id_for
from events.statements import run
from tenants.clock import read_clock
from tenants.scope import current_tenant_id

_ORDER = attrgetter("int")
# No joins: a planner whose statistics do not know a new tenant expects one row, and would loop over all its people.
_LOOK = """
    SELECT person_id, merged_into, identifier_kind, identifier FROM events_person
    WHERE tenant_id = %(tenant)b AND person_id = ANY(%(people)b::uuid[])
"""


class PeopleChanged(Exception):
    """Somebody was merged or erased between the look and the lock: the transaction must begin again."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """A user id or an anonymous id, and the row that it derives."""

    kind: str
    text: str
    person_id: UUID


@dataclass(frozen=True, slots=True)
class Asked:
    """The identifiers that one item names; `previous` is alias's, as a user id and as an anonymous id."""

    item: Item
    event_id: UUID
    occurred_at: datetime
    user: Identifier | None
    anonymous: Identifier | None
    previous: tuple[Identifier, Identifier] | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """A row as it stood when we looked."""

    merged_into: UUID | None
    target_kind: str | None
    target_text: str | None


@dataclass(frozen=True, slots=True)
class Merge:
    """Into whom somebody is merged, and by which message."""

    target: UUID
    event_id: UUID


@dataclass(frozen=True, slots=True)
class Attribution:
    """Whom each item is about (None: nobody, it is refused), the rows it needs, and who merges into whom, flat."""

    person_ids: list[UUID | None]
    rows: list[list[Identifier]]
    merges: dict[UUID, Merge]


def ask(*, tenant_id: UUID, item: Item, event_id: UUID, occurred_at: datetime) -> Asked:
    """Derive the rows that an item names."""

    def identifier(kind: str, text: str) -> Identifier:
        return Identifier(kind, text, person_id_for(tenant_id=tenant_id, kind=kind, identifier=text))

    previous = None
    if item.previous_id is not None and item.previous_id != item.user_id:
        previous = (identifier(USER, item.previous_id), identifier(ANONYMOUS, item.previous_id))
    return Asked(
        item=item,
        event_id=event_id,
        occurred_at=occurred_at,
        user=identifier(USER, item.user_id) if item.user_id is not None else None,
        anonymous=identifier(ANONYMOUS, item.anonymous_id) if item.anonymous_id is not None else None,
        previous=previous,
    )


def look(*, tenant_id: UUID, asked: Iterable[Asked]) -> dict[UUID, Known]:
    """The rows that exist already, without a lock."""
    wanted = {identifier.person_id for one in asked for identifier in _named(one)}
    rows = run(_LOOK, {"tenant": tenant_id, "people": list(wanted)})
    merged_into = {person_id: target for person_id, target, _, _ in rows}
    targets: dict[UUID, tuple[str, str]] = {}
    if any(merged_into.values()):
        found = run(_LOOK, {"tenant": tenant_id, "people": list(filter(None, merged_into.values()))})
        targets = {person_id: (kind, text) for person_id, _, kind, text in found}
    return {
        person_id: Known(target, *(targets.get(target, (None, None)) if target else (None, None)))
        for person_id, target in merged_into.items()
    }


def attribute(*, asked: Sequence[Asked], known: Mapping[UUID, Known], may_merge_users: bool) -> Attribution:
    """Decide whom the items are about and who merges; pure.

    An anonymous id that comes with a user id merges into that user's person, once. alias merges an anonymous or unknown
    previousId; only `may_merge_users` (a server key) merges one that is somebody already.
    """
    parents = {person_id: row.merged_into for person_id, row in known.items() if row.merged_into}
    existing = set(known)
    merged_by: dict[UUID, UUID] = {}
    rows: list[list[Identifier]] = []

    def root(person_id: UUID) -> UUID:
        while (parent := parents.get(person_id)) is not None:
            person_id = parent
        return person_id

    def merge(source: UUID, target: UUID, one: Asked) -> None:
        if source != target:
            parents[source] = target
            merged_by[source] = one.event_id

    for one in asked:
        named = [identifier for identifier in (one.user, one.anonymous) if identifier]
        if one.previous and one.user:
            previous = _previous(one.previous, existing, may_merge_users)
            source, target = root(previous[0].person_id), root(one.user.person_id)
            is_somebody = previous[0].kind == USER or source != previous[0].person_id
            if is_somebody and source != target and not may_merge_users:
                rows.append([])
                continue
            merge(source, target, one)
            for identifier in previous[1:]:
                if identifier.person_id not in parents:
                    merge(identifier.person_id, target, one)
            named += previous
        if one.user and one.anonymous and one.anonymous.person_id not in parents:
            merge(one.anonymous.person_id, root(one.user.person_id), one)
        existing.update(identifier.person_id for identifier in named)
        rows.append(named)
    return Attribution(
        person_ids=[root(named[0].person_id) if named else None for named in rows],
        rows=rows,
        merges={source: Merge(root(source), event_id) for source, event_id in merged_by.items()},
    )


def lock(
    *,
    tenant_id: UUID,
    asked: Sequence[Asked],
    rows: Sequence[Sequence[Identifier]],
    known: Mapping[UUID, Known],
    arrived_at: datetime,
) -> datetime:
    """Create what is missing, lock and touch everybody; returns the tenant's clock after the last lock.

    Raises PeopleChanged when what we had looked at is no longer so.
    """
    people: dict[UUID, tuple[str, str, datetime, datetime]] = {}

    def seen(person_id: UUID, kind: str, text: str, at: datetime) -> None:
        first, last = people[person_id][2:] if person_id in people else (at, at)
        people[person_id] = (kind, text, min(first, at), max(last, at))

    for one, named in zip(asked, rows, strict=True):
        for identifier in named:
            seen(identifier.person_id, identifier.kind, identifier.text, one.occurred_at)
            behind = known.get(identifier.person_id)
            if behind and behind.merged_into and behind.target_kind and behind.target_text is not None:
                seen(behind.merged_into, behind.target_kind, behind.target_text, one.occurred_at)
    ordered = sorted(people, key=_ORDER)
    locked = run(
        _LOCK,
        {
            "tenant": tenant_id,
            "arrived": arrived_at,
            "people": ordered,
            "kinds": [people[person_id][0] for person_id in ordered],
            "texts": [people[person_id][1] for person_id in ordered],
            "firsts": [people[person_id][2] for person_id in ordered],
            "lasts": [people[person_id][3] for person_id in ordered],
        },
    )
    for person_id, merged_into in locked:
        if merged_into != (known[person_id].merged_into if person_id in known else None):
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


def _previous(pair: tuple[Identifier, Identifier], existing: set[UUID], may_merge_users: bool) -> list[Identifier]:
    """Whom a previousId means: those who exist, the user first; nobody yet: an anonymous id, or for a server either."""
    found = [identifier for identifier in pair if identifier.person_id in existing]
    if not may_merge_users:
        return found[:1] or [pair[1]]
    return found or list(pair)


# An alias is locked but not touched: nobody would ever digest it.
_LOCK = """
    INSERT INTO events_person AS p (tenant_id, person_id, identifier_kind, identifier, first_seen_at, last_seen_at,
                                    created_at, traits, touched_at)
    SELECT %(tenant)b, n.person_id, n.kind, n.identifier, n.first_seen_at, n.last_seen_at, %(arrived)b, '{}',
           clock_timestamp()
    FROM unnest(%(people)b::uuid[], %(kinds)b::text[], %(texts)b::text[], %(firsts)b::timestamptz[],
                %(lasts)b::timestamptz[]) AS n(person_id, kind, identifier, first_seen_at, last_seen_at)
    ORDER BY n.person_id
    ON CONFLICT (tenant_id, person_id) DO UPDATE SET
        first_seen_at = least(p.first_seen_at, excluded.first_seen_at),
        last_seen_at = greatest(p.last_seen_at, excluded.last_seen_at),
        touched_at = CASE WHEN p.merged_into IS NULL THEN coalesce(p.touched_at, clock_timestamp()) END
    RETURNING p.person_id, p.merged_into
"""
