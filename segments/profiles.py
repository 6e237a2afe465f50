"""One person as we know them now: identifiers, traits, segments, newest events; and finding people by identifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from events.models import Event, Person, person_id_for
from segments.membership import due_or_touched, lock_people, memberships_of, refresh
from segments.models import Segment
from segments.rosters import Identifier, identifiers_of, name_of
from tenants.scope import current_tenant_id

EventPlace = tuple[datetime, UUID]
PersonPlace = tuple[str, UUID]


@dataclass(frozen=True)
class InSegment:
    segment_id: UUID
    name: str
    since: datetime


@dataclass(frozen=True)
class Profile:
    """A person with their current memberships."""

    person: Person
    identifiers: list[Identifier]
    memberships: list[InSegment]

    @property
    def name(self) -> str:
        return name_of(self.identifiers, self.person.person_id)


@dataclass(frozen=True)
class Found:
    """An identifier that was searched for, and whom it means."""

    row_id: UUID
    person_id: UUID
    kind: str
    value: str
    last_seen_at: datetime


def find_profile(*, kind: str, identifier: str) -> Profile | None:
    """The person known by an identifier; None if there is none. Needs a tenant scope."""
    person_id = person_id_for(tenant_id=current_tenant_id(), kind=kind, identifier=identifier)
    return find_profile_by_id(person_id=person_id)


def find_profile_by_id(*, person_id: UUID) -> Profile | None:
    """The person with this id, or into whom it was merged. What waits to be digested of them is digested first."""
    row = Person.objects.filter(person_id=person_id).first()
    if row is not None and row.merged_into is not None:
        row = Person.objects.filter(person_id=row.merged_into, merged_into=None).first()
    if row is None:
        return None
    if due_or_touched(person_id=row.person_id):
        locked = lock_people([row.person_id])
        if not locked:
            return find_profile_by_id(person_id=person_id)  # merged or erased while we waited
        refresh(person_ids=locked)
        row.refresh_from_db()
    since = {
        segment_id: answer.since
        for segment_id, answer in memberships_of(person_id=row.person_id).items()
        if answer.is_member
    }
    named = Segment.objects.filter(pk__in=since).order_by("name").values_list("pk", "name")
    return Profile(
        person=row,
        identifiers=identifiers_of(person_ids=[row.person_id]).get(row.person_id, []),
        memberships=[InSegment(pk, name, since[pk]) for pk, name in named],
    )


def newest_events(*, person_id: UUID, after: EventPlace | None = None, limit: int) -> list[Event]:
    """A page of a person's events, newest first, those older than `after` (time, event id)."""
    events = Event.objects.filter(person_id=person_id)
    if after is not None:
        at, event_id = after
        events = events.filter(Q(occurred_at__lt=at) | Q(occurred_at=at, event_id__lt=event_id))
    return list(events.order_by("-occurred_at", "-event_id")[:limit])


def search_people(*, text: str, after: PersonPlace | None = None, limit: int) -> list[Found]:
    """Identifiers that begin with the text, in order, those after `after` (identifier, row id).

    A range over a C-collated column, which the index serves under row-level security as well.
    """
    rows = Person.objects.filter(identifier__gte=text)
    if (end := _end_of_prefix(text)) is not None:
        rows = rows.filter(identifier__lt=end)
    if after is not None:
        value, row_id = after
        rows = rows.filter(identifier__gte=value).filter(
            Q(identifier__gt=value) | Q(identifier=value, person_id__gt=row_id)
        )
    columns: Sequence[str] = ("person_id", "merged_into", "identifier_kind", "identifier", "last_seen_at")
    return [
        Found(row_id, merged_into or row_id, kind, value, last_seen_at)
        for row_id, merged_into, kind, value, last_seen_at in _listed(rows, columns, limit)
    ]


def _listed(rows: Any, columns: Sequence[str], limit: int) -> Any:
    return rows.order_by("identifier", "person_id").values_list(*columns)[:limit]


def _end_of_prefix(text: str) -> str | None:
    """The least text, by code points, after all that begin with this one; None: there is none."""
    for index in range(len(text) - 1, -1, -1):
        code = ord(text[index])
        if code < 0x10FFFF:
            following = 0xE000 if code == 0xD7FF else code + 1  # surrogates are no characters
            return text[:index] + chr(following)
    return None
