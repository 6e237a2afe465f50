"""Telling segments which campaigns use them."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from django.urls import reverse

from campaigns.models import Campaign
from campaigns.parsing import CampaignError, SegmentEntry, parse_trigger
from segments.uses import Use, register_finder


def find_campaigns_using(segment_id: UUID) -> Iterator[Use]:
    """The campaigns, ended ones too, whose audience or trigger is this segment."""
    for campaign in Campaign.objects.order_by("name").only("name", "trigger", "audience_id"):
        if campaign.audience_id == segment_id or _awaited_segment(campaign) == segment_id:
            yield Use(campaign.name, reverse("campaigns:campaign", args=[campaign.pk]), "message-2")


def _awaited_segment(campaign: Campaign) -> UUID | None:
    """The segment whose entries the campaign listens to, however its id is spelt."""
    try:
        trigger = parse_trigger(campaign.trigger)
    except CampaignError:  # written past the validators: it does not run
        return None
    return trigger.segment_id if isinstance(trigger, SegmentEntry) else None


def register() -> None:
    register_finder(find_campaigns_using)
