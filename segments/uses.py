"""Who uses a segment: other segments, and whatever the rooms above have said they know of.

Rooms above register a finder when the project starts; nothing here imports them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from segments.conditions.parsing import ConditionError, parse_condition
from segments.conditions.references import references_in
from segments.definitions import delete_segment
from segments.models import Segment


@dataclass(frozen=True)
class Use:
    """Something that would break without the segment: what it is called, its page, an icon for its kind."""

    name: str
    address: str
    icon: str


Finder = Callable[[UUID], Iterable[Use]]
_finders: list[Finder] = []


class SegmentInUse(Exception):
    """The segment cannot be deleted: `uses` says what names it."""

    def __init__(self, uses: list[Use]) -> None:
        names = ", ".join(f"“{use.name}”" for use in uses)
        super().__init__(_("It is used by %(names)s. Change or delete that first.") % {"names": names})
        self.uses = uses


def register_finder(finder: Finder) -> None:
    """Let a room above say who uses a segment; it is called inside the tenant's scope."""
    if finder not in _finders:
        _finders.append(finder)


def find_uses(*, segment_id: UUID) -> list[Use]:
    """Everything that names the segment directly, segments first. Needs a tenant scope."""
    uses = [
        Use(segment.name, reverse("segments:segment", args=[segment.pk]), "users-group")
        for segment in Segment.objects.all()
        if segment_id in references_in(parse_condition(segment.condition))
    ]
    return uses + [use for find in _finders for use in find(segment_id)]


def delete_unused(*, segment: Segment) -> None:
    """Delete a segment that nothing uses; raises SegmentInUse. Needs a tenant scope."""
    if uses := find_uses(segment_id=segment.pk):
        raise SegmentInUse(uses)
    try:
        delete_segment(segment=segment)
    except ConditionError as error:  # somebody began to use it meanwhile
        raise SegmentInUse(find_uses(segment_id=segment.pk)) from error
