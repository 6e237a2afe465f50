"""The pages of campaigns: list, one campaign, the composer with its preview, starting, pausing, ending, deleting."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Case, IntegerField, Value, When
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns import wording
from campaigns.composer import Composer
from campaigns.editing import (
    Action,
    WrongStatus,
    change_status,
    edit_campaign,
    possible_actions,
    remove_campaign,
)
from campaigns.models import Campaign
from campaigns.parsing import CampaignError
from campaigns.preview import preview_of
from segments.models import Segment
from tenants.access import requires
from tenants.audit import by
from tenants.models import Member

CAMPAIGNS_A_PAGE = 100
_get_or_post = require_http_methods(["GET", "HEAD", "POST"])


@require_safe
@requires()
def campaigns(request: HttpRequest) -> HttpResponse:
    """Every campaign: running ones first, then by priority."""
    order = {Campaign.Status.RUNNING: 0, Campaign.Status.PAUSED: 1, Campaign.Status.DRAFT: 2, Campaign.Status.ENDED: 3}
    place = Case(*(When(status=key, then=Value(n)) for key, n in order.items()), output_field=IntegerField())
    rows = Campaign.objects.select_related("audience").order_by(place, "-priority", "created_at", "id")
    number = _whole(request.GET.get("page"), 1)
    page = list(rows[(number - 1) * CAMPAIGNS_A_PAGE : number * CAMPAIGNS_A_PAGE + 1])
    context = {
        "campaigns": page[:CAMPAIGNS_A_PAGE],
        "running": Campaign.objects.filter(status=Campaign.Status.RUNNING).count(),
        "total": Campaign.objects.count(),
        "page": number,
        "next": number + 1 if len(page) > CAMPAIGNS_A_PAGE else None,
        "may_change": may_change(request),
    }
    return render(request, "campaigns/campaigns.html", context)


@require_safe
@requires()
def campaign(request: HttpRequest, campaign_id: UUID) -> HttpResponse:
    """One campaign in words, with its message and what can be done now."""
    found = _find(campaign_id)
    context = {
        "campaign": found,
        "standing": wording.standing(found),
        "trigger": wording.trigger_in_words(found),
        "goal": wording.goal_in_words(found),
        "caps": wording.caps_in_words(found.caps),
        "control_percent": found.control_share * 100,
        "preview": preview_of(found.message),
        "actions": possible_actions(found),
        "may_change": may_change(request),
    }
    return _with_pictures(render(request, "campaigns/campaign.html", context))


@_get_or_post
@requires(Member.Role.MARKETER)
def campaign_new(request: HttpRequest) -> HttpResponse:
    return _edit(request, None)


@_get_or_post
@requires(Member.Role.MARKETER)
def campaign_edit(request: HttpRequest, campaign_id: UUID) -> HttpResponse:
    return _edit(request, _find(campaign_id))


@_get_or_post
@requires(Member.Role.MARKETER)
def campaign_delete(request: HttpRequest, campaign_id: UUID) -> HttpResponse:
    found = _find(campaign_id)
    problem = None
    if request.method == "POST":
        try:
            remove_campaign(campaign=found, by=by(request))
        except WrongStatus as error:
            problem = str(error)
        else:
            messages.success(request, _("The draft “%(name)s” is deleted.") % {"name": found.name})
            return redirect("campaigns:list")
    return render(request, "campaigns/delete.html", {"campaign": found, "problem": problem})


@require_POST
@requires(Member.Role.MARKETER)
def campaign_act(request: HttpRequest, campaign_id: UUID, action: str) -> HttpResponse:
    """Start, pause or end."""
    found = _find(campaign_id)
    if action not in list(Action):
        raise Http404
    try:
        saved = change_status(campaign=found, action=Action(action), by=by(request))
    except (WrongStatus, CampaignError) as error:
        messages.error(request, str(error))
    else:
        messages.success(request, wording.standing(saved))
    return redirect("campaigns:campaign", campaign_id)


@require_POST
@requires()
def message_preview(request: HttpRequest) -> HttpResponse:
    """The part of the composer that shows the message as it is typed."""
    composer = Composer(campaign=None, segments={}, data=request.POST)
    names = [name for name in composer.form.fields if name.startswith(("message_", "button_"))]
    composer.form.cleaned_data = {name: request.POST.get(name, "") for name in names}
    return render(request, "campaigns/preview.html", {"preview": preview_of(composer.message())})


def may_change(request: HttpRequest) -> bool:
    return request.access.may(Member.Role.MARKETER)  # type: ignore[attr-defined]


def _edit(request: HttpRequest, campaign: Campaign | None) -> HttpResponse:
    segments = dict(Segment.objects.order_by("name").values_list("pk", "name"))
    more = request.POST.get("more")
    data = request.POST if request.method == "POST" else None
    composer = Composer(campaign=campaign, segments=segments, data=data, more=more)
    if data is not None and more is None and composer.is_valid():
        try:
            saved = edit_campaign(campaign=campaign, changes=composer.changes(), by=by(request))
        except CampaignError as error:
            composer.add_problems(error)
        except WrongStatus as error:
            composer.form.add_error(None, str(error))
        else:
            messages.success(request, _("The message “%(name)s” is saved.") % {"name": saved.name})
            return redirect("campaigns:campaign", saved.pk)
    refused = data is not None and more is None
    context: dict[str, Any] = {
        "composer": composer,
        "form": composer.form,
        "refused": refused,
        "campaign": campaign,
        "segments": segments,
        "preview": preview_of(campaign.message) if campaign and data is None else None,
    }
    return _with_pictures(render(request, "campaigns/edit.html", context, status=422 if refused else 200))


def _find(campaign_id: UUID) -> Campaign:
    return get_object_or_404(Campaign.objects.select_related("audience"), pk=campaign_id)


def _with_pictures(response: HttpResponse) -> HttpResponse:
    """Let the page load the message's picture, which may be anywhere."""
    response.content_security = {"img-src": "'self' data: https:"}  # type: ignore[attr-defined]
    return response


def _whole(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and 1 <= int(text[:6]) == int(text) else default
