"""What a page, the admin or the API calls to change a segment: checked, saved, audited, computed anew."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from events.nudges import nudge
from segments.conditions.parsing import ConditionError, Problem
from segments.definitions import lock_definitions, renew_all, save_segment, validate
from segments.models import Segment
from segments.uses import delete_unused
from tenants.audit import By, difference, record
from tenants.scope import current_tenant_id

MAX_NAME, MAX_DESCRIPTION = 100, 500


class SegmentError(ValueError):
    """The segment cannot be saved; `fields` maps each of name, description, condition to its problems."""

    def __init__(self, fields: dict[str, list[Problem]]) -> None:
        super().__init__("; ".join(problem.message for problems in fields.values() for problem in problems))
        self.fields = fields


def check_segment(*, segment: Segment | None = None, name: str, description: str, condition: Any) -> None:
    """Raise SegmentError with everything that saving would refuse, but for a name that is taken."""
    fields = {"name": _name_problems(name.strip()), "description": _description_problems(description.strip())}
    try:
        validate(condition, own_id=segment.pk if segment else None)
    except ConditionError as error:
        fields["condition"] = error.problems
    if problems := {field: found for field, found in fields.items() if found}:
        raise SegmentError(problems)


def edit_segment(*, segment: Segment | None = None, name: str, description: str, condition: Any, by: By) -> Segment:
    """Create or change a segment for somebody; raises SegmentError. Needs a tenant scope."""
    name, description = name.strip(), description.strip()
    check_segment(segment=segment, name=name, description=description, condition=condition)
    lock_definitions()
    if segment is not None:
        segment = Segment.objects.get(pk=segment.pk)
    before = _values(segment) if segment else {}
    try:
        with transaction.atomic():
            saved, needs_recompute = save_segment(
                segment=segment, name=name, description=description, condition=condition
            )
    except ConditionError as error:  # what it names has changed meanwhile
        raise SegmentError({"condition": error.problems}) from error
    except IntegrityError as error:
        if "segment_name_once_per_tenant" not in str(error):
            raise
        taken = Problem("", _("Another segment has this name. Choose a different one."))
        raise SegmentError({"name": [taken]}) from error
    if needs_recompute:
        _nudge()
    if changes := difference(before=before, after=_values(saved)):
        record(**by, action="segment.changed" if segment else "segment.created", obj=saved, changes=changes)
    return saved


def remove_segment(*, segment: Segment, by: By) -> None:
    """Delete a segment for somebody; raises SegmentInUse. Needs a tenant scope."""
    former = Segment.objects.get(pk=segment.pk)
    changes = difference(before=_values(segment), after={})
    delete_unused(segment=segment)
    record(**by, action="segment.deleted", obj=former, changes=changes)


def renew_segments() -> None:
    """Compute every segment anew: the tenant's settings by which facts are understood have changed."""
    renew_all()
    _nudge()


def _nudge() -> None:
    transaction.on_commit(partial(nudge, "segments.recompute", tenant_id=current_tenant_id()))


def _values(segment: Segment) -> dict[str, Any]:
    return {"name": segment.name, "description": segment.description, "condition": segment.condition}


def _name_problems(name: str) -> list[Problem]:
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        return [Problem("", _("Give a name of 1 to %(most)d characters.") % {"most": MAX_NAME})]
    return []


def _description_problems(description: str) -> list[Problem]:
    if len(description) > MAX_DESCRIPTION or "\x00" in description:
        return [Problem("", _("A description has at most %(most)d characters.") % {"most": MAX_DESCRIPTION})]
    return []
