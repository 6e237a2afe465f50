"""Telling segments which campaigns use them."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from django.urls import reverse

from campaigns.models import Campaign
from segments.uses import Use, register_finder


def find_campaigns_using(segment_id: UUID) -> Iterator[Use]:
    """The campaigns, ended ones too, whose audience or trigger is this segment."""
    for campaign in Campaign.objects.order_by("name").only("name", "trigger", "audience_id"):
        if campaign.audience_id == segment_id or campaign.trigger.get("segment") == str(segment_id):
            yield Use(campaign.name, reverse("campaigns:campaign", args=[campaign.pk]), "message-2")


def register() -> None:
    register_finder(find_campaigns_using)
