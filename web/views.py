"""The first page of a workspace."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from campaigns.models import Campaign
from events.models import Event, Person
from segments.models import Segment
from tenants.access import requires
from tenants.clock import read_clock
from tenants.models import Member


@require_safe
@requires()
def home(request: HttpRequest) -> HttpResponse:
    """What is there, in four numbers. A day begins at midnight in the tenant's time zone."""
    now = read_clock()
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    people = Person.objects.filter(merged_into=None).count()
    cards = [
        {"label": _("People"), "number": people},
        {"label": _("Events today"), "number": Event.objects.filter(occurred_at__range=(midnight, now)).count()},
        {"label": _("Segments"), "number": Segment.objects.count()},
        {
            "label": _("Running campaigns"),
            "number": Campaign.objects.filter(status=Campaign.Status.RUNNING).count(),
        },
    ]
    context = {
        "cards": cards,
        "people": people,
        "as_of": now,
        "may_manage_keys": request.access.may(Member.Role.DEVELOPER),  # type: ignore[attr-defined]
    }
    return render(request, "web/home.html", context)
