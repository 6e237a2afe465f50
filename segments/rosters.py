"""Reading segments: how many are in them, who, since when, who came and went, and as of when all of that is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Count, F, Q, QuerySet

from events.models import Person
from segments.models import Membership, MembershipChange, Segment
from tenants.scope import current_tenant_id


@dataclass(frozen=True)
class Identifier:
    kind: str
    value: str


@dataclass(frozen=True)
class Member:
    """Somebody in a segment."""

    person_id: UUID
    identifiers: list[Identifier]
    since: datetime


@dataclass(frozen=True)
class Change:
    """An entry (or exit) of somebody."""

    person_id: UUID
    name: str
    at: datetime
    entered: bool
    reason: str


@dataclass(frozen=True)
class Movement:
    """Entries and exits in a span of time."""

    entered: int
    left: int

    @property
    def net(self) -> int:
        return self.entered - self.left

    @property
    def fewer(self) -> int:
        return max(0, -self.net)


def count_members_of(*, segments: Iterable[Segment]) -> dict[UUID, int]:
    """Members now, of the segments that have been computed."""
    live = {segment.pk: segment.live_version for segment in segments if segment.live_version is not None}
    if not live:
        return {}
    wanted = Q()
    for segment_id, version in live.items():
        wanted |= Q(segment_id=segment_id, version=version)
    rows = Membership.objects.filter(wanted, is_member=True).order_by().values_list("segment_id").annotate(n=Count("*"))
    return dict.fromkeys(live, 0) | dict(rows)


def members_of(*, segment: Segment, after: UUID | None = None, limit: int) -> list[Member]:
    """A page of the members in order of their id, those after `after`."""
    rows = Membership.objects.filter(segment_id=segment.pk, version=segment.live_version, is_member=True)
    if after is not None:
        rows = rows.filter(person_id__gt=after)
    page = list(rows.order_by("person_id").values_list("person_id", "since")[:limit])
    known = identifiers_of(person_ids=[person_id for person_id, _ in page])
    return [Member(person_id, known.get(person_id, []), since) for person_id, since in page]


def identifiers_of(*, person_ids: Sequence[UUID]) -> dict[UUID, list[Identifier]]:
    """Everything that the (unmerged) people are known by: their own identifier first, then those merged into it."""
    rows = (
        Person.objects.filter(Q(person_id__in=person_ids, merged_into=None) | Q(merged_into__in=person_ids))
        .order_by(F("merged_into").asc(nulls_first=True), "merged_at", "identifier_kind", "identifier")
        .values_list("person_id", "merged_into", "identifier_kind", "identifier")
    )
    found: dict[UUID, list[Identifier]] = {}
    for person_id, merged_into, kind, value in rows:
        found.setdefault(merged_into or person_id, []).append(Identifier(kind, value))
    return found


def latest_changes(*, segment: Segment, entered: bool, limit: int = 10) -> list[Change]:
    """The newest entries or exits."""
    rows = list(
        MembershipChange.objects.filter(segment_id=segment.pk, entered=entered)
        .order_by("-changed_at", "person_id")
        .values_list("person_id", "changed_at", "entered", "reason")[:limit]
    )
    known = identifiers_of(person_ids=[row[0] for row in rows])
    return [
        Change(person_id, name_of(known.get(person_id, []), person_id), at, came, reason)
        for person_id, at, came, reason in rows
    ]


def movement(*, segment: Segment, now: datetime, span: timedelta = timedelta(days=1)) -> Movement:
    """How many entered and left within the span before now."""
    changes: QuerySet[MembershipChange] = MembershipChange.objects.filter(
        segment_id=segment.pk, changed_at__gt=now - span
    )
    counts = dict(changes.order_by().values_list("entered").annotate(n=Count("*")))
    return Movement(entered=counts.get(True, 0), left=counts.get(False, 0))


def memberships_as_of() -> datetime:
    """Up to when stored memberships are right: now, unless somebody's facts wait or an answer has come due."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT least((SELECT tenants_clock()),"
            " (SELECT min(touched_at) FROM events_person WHERE tenant_id = %(t)s AND touched_at IS NOT NULL)"
            " + (SELECT clock_offset FROM tenants_tenant WHERE id = %(t)s),"
            " (SELECT min(valid_until) FROM segments_membership"
            "  WHERE tenant_id = %(t)s AND valid_until < '9999-01-01T00:00:00Z'))",
            {"t": current_tenant_id()},
        )
        return cursor.fetchone()[0]


def name_of(identifiers: Sequence[Identifier], person_id: UUID) -> str:
    """What to call somebody: the user id if there is one."""
    users = [identifier.value for identifier in identifiers if identifier.kind == Person.IdentifierKind.USER_ID]
    return next(iter([*users, *(identifier.value for identifier in identifiers)]), str(person_id))
