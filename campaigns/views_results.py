"""The pages of results: which campaigns have some, and one campaign's comparison of both arms."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from campaigns import wording
from campaigns.attribution import ArmCounts, attribute
from campaigns.charts import bars_of, difference_of
from campaigns.models import Campaign
from campaigns.parsing import CampaignError
from tenants.access import requires
from tenants.clock import read_clock


@require_safe
@requires()
def results(request: HttpRequest) -> HttpResponse:
    """Every campaign that has run."""
    rows = Campaign.objects.exclude(status=Campaign.Status.DRAFT).order_by("-updated_at", "id")[:500]
    return render(request, "campaigns/results.html", {"campaigns": rows})


@require_safe
@requires()
def report(request: HttpRequest, campaign_id: UUID) -> HttpResponse:
    """Both arms of a campaign, per person from the first exposure on."""
    campaign = get_object_or_404(Campaign.objects.all(), pk=campaign_id)
    context: dict[str, Any] = {
        "campaign": campaign,
        "standing": wording.standing(campaign),
        "goal": wording.goal_in_words(campaign),
    }
    try:
        attribution = attribute(
            campaign=campaign,
            tenant=request.access.tenant,  # type: ignore[attr-defined]
            now=read_clock(),
        )
    except CampaignError as error:
        return render(request, "campaigns/report.html", context | {"problem": str(error)})
    treatment, control = attribution.treatment, attribution.control
    difference = difference_of(attribution)
    if difference is not None:
        points = {"at": difference.points, "low": difference.low_points, "high": difference.high_points}
        context["points"] = {name: wording.signed(value) for name, value in points.items()}
    context |= {
        "attribution": attribution,
        "verdict": wording.verdict(attribution),
        "bars": bars_of(attribution),
        "difference": difference,
        "rows": _rows(treatment, control),
        "is_empty": not treatment.exposed and not control.exposed,
    }
    return render(request, "campaigns/report.html", context)


def _rows(treatment: ArmCounts, control: ArmCounts) -> list[dict[str, object]]:
    """The numbers of both arms with their share of the exposed; what the control cannot do has no number."""
    names = ("exposed", "rendered", "clicked", "dismissed", "converted", "click_through", "view_through", "maturing")
    return [
        {"name": name, "arms": [_figure(treatment, name), _figure(control, name, is_control=True)]} for name in names
    ]


def _figure(arm: ArmCounts, name: str, *, is_control: bool = False) -> dict[str, object]:
    count: int = getattr(arm, name)
    if is_control and name in ("rendered", "clicked", "dismissed", "click_through") and not count:
        return {"count": None, "share": None}
    return {"count": count, "share": count / arm.exposed * 100 if arm.exposed else None}
