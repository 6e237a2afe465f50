"""The pages of segments: list, one segment, editing with a live count, deleting."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from segments.conditions.parsing import ConditionError
from segments.editing import SegmentError, edit_segment, remove_segment
from segments.estimation import TooSlow, estimate
from segments.examples import EXAMPLES
from segments.forms import DocumentField, SegmentForm, in_words
from segments.models import Segment
from segments.rosters import count_members_of, latest_changes, members_of, memberships_as_of, movement
from segments.uses import SegmentInUse, find_uses
from tenants.access import requires
from tenants.audit import by
from tenants.clock import read_clock
from tenants.documents import write_document
from tenants.models import Member

SEGMENTS_A_PAGE = 50
MEMBERS_A_PAGE = 25
_get_or_post = require_http_methods(["GET", "HEAD", "POST"])


@require_safe
@requires()
def segments(request: HttpRequest) -> HttpResponse:
    """Every segment with its number of members, by name."""
    rows = Segment.objects.order_by("name", "id")
    after = request.GET.get("after", "")
    if after and "\x00" not in after:
        rows = rows.filter(name__gt=after)
    page = list(rows[: SEGMENTS_A_PAGE + 1])
    shown = page[:SEGMENTS_A_PAGE]
    counts = count_members_of(segments=shown)
    context = {
        "rows": [{"segment": segment, "members": counts.get(segment.pk)} for segment in shown],
        "total": Segment.objects.count(),
        "next": shown[-1].name if len(page) > len(shown) else None,
        "after": after,
        "as_of": memberships_as_of(),
        "may_change": may_change(request),
    }
    return render(request, "segments/segments.html", context)


@require_safe
@requires()
def segment(request: HttpRequest, segment_id: UUID) -> HttpResponse:
    """One segment: how many, who, who came and went, who uses it."""
    segment = _find(segment_id)
    after = _uuid(request.GET.get("after"))
    page = members_of(segment=segment, after=after, limit=MEMBERS_A_PAGE + 1)
    members = page[:MEMBERS_A_PAGE]
    context = {
        "segment": segment,
        "count": count_members_of(segments=[segment]).get(segment.pk),
        "is_new": segment.created_at > timezone.now() - timedelta(days=1),
        "movement": movement(segment=segment, now=read_clock()),
        "as_of": memberships_as_of(),
        "members": members,
        "is_first_page": after is None,
        "next": members[-1].person_id if len(page) > len(members) else None,
        "entries": latest_changes(segment=segment, entered=True),
        "exits": latest_changes(segment=segment, entered=False),
        "uses": find_uses(segment_id=segment.pk),
        "condition": write_document(segment.condition),
        "may_change": may_change(request),
    }
    return render(request, "segments/segment.html", context)


@_get_or_post
@requires(Member.Role.MARKETER)
def segment_new(request: HttpRequest) -> HttpResponse:
    return _edit(request, None)


@_get_or_post
@requires(Member.Role.MARKETER)
def segment_edit(request: HttpRequest, segment_id: UUID) -> HttpResponse:
    return _edit(request, _find(segment_id))


@_get_or_post
@requires(Member.Role.MARKETER)
def segment_delete(request: HttpRequest, segment_id: UUID) -> HttpResponse:
    segment = _find(segment_id)
    uses = find_uses(segment_id=segment.pk)
    if request.method == "POST":
        try:
            remove_segment(segment=segment, by=by(request))
        except SegmentInUse as error:
            uses = error.uses
        else:
            messages.success(request, _("The segment “%(name)s” is deleted.") % {"name": segment.name})
            return redirect("segments:list")
    return render(request, "segments/delete.html", {"segment": segment, "uses": uses})


@require_POST
@requires()
def segment_estimate(request: HttpRequest) -> HttpResponse:
    """The part of the editor that says how many people the condition has now, or what is wrong with it."""
    context: dict[str, Any] = {}
    own_id = _uuid(request.POST.get("segment"))
    try:
        condition = DocumentField(required=False).clean(request.POST.get("condition", ""))
        if condition is not None:
            context["estimate"] = estimate(condition=condition, own_id=own_id)
    except ValidationError as error:
        context["problems"] = error.messages
    except ConditionError as error:
        context["problems"] = [in_words(problem) for problem in error.problems]
    except TooSlow:
        context["is_too_slow"] = True
    return render(request, "segments/estimate.html", context)


def may_change(request: HttpRequest) -> bool:
    return request.access.may(Member.Role.MARKETER)  # type: ignore[attr-defined]


def _edit(request: HttpRequest, segment: Segment | None) -> HttpResponse:
    form = SegmentForm.of(segment, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            saved = edit_segment(segment=segment, by=by(request), **form.cleaned_data)
        except SegmentError as error:
            form.add_problems(error)
        else:
            messages.success(request, _("The segment “%(name)s” is saved.") % {"name": saved.name})
            return redirect("segments:segment", saved.pk)
    others = Segment.objects.filter(~Q(pk=segment.pk) if segment else Q()).order_by("name")[:SEGMENTS_A_PAGE]
    context = {"form": form, "segment": segment, "examples": EXAMPLES, "others": others}
    return render(request, "segments/edit.html", context, status=422 if form.errors else 200)


def _find(segment_id: UUID) -> Segment:
    return get_object_or_404(Segment.objects.all(), pk=segment_id)


def _uuid(text: str | None) -> UUID | None:
    """An optional id in the query; what is none is an address that does not exist."""
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError as error:
        raise Http404 from error
