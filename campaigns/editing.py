"""What a page, the admin or the API calls to change campaigns and the message policy: checked, saved, audited."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.definitions import FIELDS, current_policy, save_campaign, save_policy
from campaigns.models import Campaign, MessagePolicy
from segments.models import Segment
from tenants.audit import By, difference, record

Status = Campaign.Status


class Action(StrEnum):
    """What can be done to a campaign as a whole."""

    START = "start"
    PAUSE = "pause"
    END = "end"


# Action → the states from which it is possible, the state that it leads to.
STEPS: dict[Action, tuple[tuple[str, ...], str]] = {
    Action.START: ((Status.DRAFT, Status.PAUSED), Status.RUNNING),
    Action.PAUSE: ((Status.RUNNING,), Status.PAUSED),
    Action.END: ((Status.RUNNING, Status.PAUSED), Status.ENDED),
}


class WrongStatus(Exception):
    """The campaign's state does not allow this."""


def possible_actions(campaign: Campaign) -> list[Action]:
    return [action for action, (sources, _target) in STEPS.items() if campaign.status in sources]


def edit_campaign(*, campaign: Campaign | None = None, changes: Mapping[str, Any], by: By) -> Campaign:
    """Create or change a campaign for somebody; raises CampaignError, or WrongStatus for one that has ended.

    `changes` as in save_campaign, without the status. Needs a tenant scope.
    """
    before = {}
    if campaign is not None:
        campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
        if campaign.status == Status.ENDED:
            raise WrongStatus(_("The campaign has ended: its results stand, so it cannot be changed."))
        before = _values(campaign)
    with transaction.atomic():
        saved = save_campaign(campaign=campaign, changes=changes)
    saved.refresh_from_db()
    if noted := difference(before=before, after=_values(saved)):
        record(**by, action="campaign.changed" if campaign else "campaign.created", obj=saved, changes=noted)
    return saved


def change_status(*, campaign: Campaign, action: Action, by: By) -> Campaign:
    """Start, pause or end a campaign for somebody; raises WrongStatus or CampaignError. Needs a tenant scope."""
    campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
    sources, target = STEPS[action]
    if campaign.status not in sources:
        state = campaign.get_status_display()
        raise WrongStatus(_("This is not possible now: the campaign is in the state “%(state)s”.") % {"state": state})
    former = campaign.status
    with transaction.atomic():
        saved = save_campaign(campaign=campaign, changes={"status": target})
    record(**by, action=f"campaign.{_PAST[action]}", obj=saved, changes={"status": [former, target]})
    return saved


def remove_campaign(*, campaign: Campaign, by: By) -> None:
    """Delete a draft for somebody; raises WrongStatus for anything that has run. Needs a tenant scope."""
    campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
    if campaign.status != Status.DRAFT:
        raise WrongStatus(_("Only a draft can be deleted. What has run is kept with its results; end it instead."))
    record(**by, action="campaign.deleted", obj=campaign, changes=difference(before=_values(campaign), after={}))
    campaign.delete()


def edit_policy(*, caps: object, gap_seconds: object, by: By) -> MessagePolicy:
    """Set for somebody what holds for all campaigns together; raises CampaignError. Needs a tenant scope."""
    MessagePolicy.objects.select_for_update().first()  # so that what is noted as the former value is it
    before = _policy_values(current_policy())
    with transaction.atomic():
        saved = save_policy(caps=caps, gap_seconds=gap_seconds)
    if noted := difference(before=before, after=_policy_values(saved)):
        record(**by, action="message_policy.changed", obj=saved, changes=noted)
    return saved


_PAST = {Action.START: "started", Action.PAUSE: "paused", Action.END: "ended"}


def _values(campaign: Campaign) -> dict[str, Any]:
    values = {name: getattr(campaign, name) for name in FIELDS if name != "status"}
    for name in ("starts_at", "ends_at"):
        values[name] = values[name].isoformat() if values[name] else None
    audience: Segment | None = values["audience"]
    return values | {"audience": audience.name if audience else None}


def _policy_values(policy: MessagePolicy) -> dict[str, Any]:
    return {"caps": policy.caps, "gap_seconds": policy.gap_seconds}
