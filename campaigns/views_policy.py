"""The settings page of what holds for all messages together: caps and the gap."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.forms.formsets import BaseFormSet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from campaigns import wording
from campaigns.definitions import MAX_GAP_SECONDS, current_policy
from campaigns.editing import edit_policy
from campaigns.forms import CapForm, DurationField
from campaigns.models import MessagePolicy
from campaigns.parsing import CampaignError
from campaigns.rows import documents_of, filled, make_rows
from campaigns.views import may_change
from segments.conditions.values import parse_duration
from tenants.access import requires
from tenants.audit import by

_CAP = re.compile(r"caps\[(\d+)\](?:\.(\w+))?")


class GapForm(forms.Form):
    """What stands beside the rows of caps."""

    gap = DurationField(
        label=gettext_lazy("Pause between two messages"),
        help_text=gettext_lazy("Counted from when the last one appeared, whichever it was. 0: no pause; up to a day."),
    )

    def clean_gap(self) -> int:
        duration = parse_duration(self.cleaned_data["gap"])
        if duration is None or duration.total_seconds() > MAX_GAP_SECONDS:
            raise forms.ValidationError(_("This is too long."))
        return int(duration.total_seconds())


@require_http_methods(["GET", "HEAD", "POST"])
@requires()
def message_policy(request: HttpRequest) -> HttpResponse:
    """Everybody may look; owners and marketers may change it."""
    policy = current_policy()
    if may_change(request):
        return _edit(request, policy)
    if request.method == "POST":
        raise PermissionDenied(_("Owners and marketers may change these limits."))
    gap = wording.seconds_in_words(policy.gap_seconds) if policy.gap_seconds else _("none")
    return render(request, "campaigns/policy.html", {"caps": wording.caps_in_words(policy.caps), "gap": gap})


def _edit(request: HttpRequest, policy: MessagePolicy) -> HttpResponse:
    data = request.POST if request.method == "POST" else None
    more = data is not None and "more" in data
    given = [CapForm.initial_of(cap) for cap in policy.caps or [] if isinstance(cap, dict)]
    form = GapForm(data, initial={"gap": policy.gap_seconds})
    rows = make_rows(CapForm, prefix="caps", given=given, data=data, more=more)
    refused = data is not None and not more
    if refused and all([form.is_valid(), rows.is_valid()]):
        try:
            edit_policy(caps=documents_of(rows), gap_seconds=form.cleaned_data["gap"], by=by(request))
        except CampaignError as error:
            _add_problems(error, form, rows)
        else:
            messages.success(request, _("The limits are saved. They hold from the next message on."))
            return redirect("campaigns:message_policy")
    context = {"form": form, "rows": rows, "refused": refused}
    return render(request, "campaigns/policy.html", context, status=422 if refused else 200)


def _add_problems(error: CampaignError, form: GapForm, rows: BaseFormSet[Any]) -> None:
    for problem in error.problems:
        if cap := _CAP.fullmatch(problem.path):
            row = filled(rows)[int(cap[1])]
            row.add_error(cap[2] if cap[2] in row.fields else None, problem.message)
        else:
            form.add_error("gap" if problem.path == "gap_seconds" else None, problem.message)
