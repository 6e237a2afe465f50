"""Saving campaigns and the message policy: every value is checked, every problem named with its path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from campaigns.models import Campaign, MessagePolicy
from campaigns.parsing import (
    CampaignError,
    SegmentEntry,
    parse_caps,
    parse_goal,
    parse_message,
    parse_trigger,
)
from segments.conditions.parsing import Problem
from segments.models import Segment
from tenants.scope import current_tenant_id

MAX_RUNNING = 500
_NAME = re.compile(r"[^\x00-\x1f\ud800-\udfff]{1,100}\Z")
MAX_GAP_SECONDS = 86_400
FIELDS = (
    "name", "status", "trigger", "trigger_life_seconds", "audience", "starts_at", "ends_at", "priority", "caps",
    "message", "message_life_seconds", "delay_ms", "control_share", "goal",
)  # fmt: skip
_RANGES: dict[str, tuple[int, int]] = {
    "trigger_life_seconds": (1, 86_400),
    "priority": (1, 100),
    "message_life_seconds": (5, 172_800),
    "delay_ms": (0, 600_000),
}


def save_campaign(*, campaign: Campaign | None = None, changes: Mapping[str, Any]) -> Campaign:
    """Create a campaign, or change the named fields of one; raises CampaignError with every problem.

    `changes` maps names of FIELDS to values; `audience` is a Segment, its id, or None; times are aware datetimes. What
    is not named keeps its value, or its default in a new campaign. Needs a tenant scope.
    """
    if campaign is None:
        campaign = Campaign(tenant_id=current_tenant_id(), trigger=None, message=None, goal=None)
    else:
        campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
    problems = [Problem(str(key)[:50], "There is no such field.") for key in changes if key not in FIELDS]
    for name in FIELDS:
        if name not in changes:
            continue
        if name == "audience":
            problems += _set_audience(campaign, changes[name])
        else:
            setattr(campaign, name, changes[name])
    problems += validate_campaign(campaign)
    if problems:
        raise CampaignError(problems)
    trigger = parse_trigger(campaign.trigger)
    if isinstance(trigger, SegmentEntry):
        # An id has several spellings; pages and forms compare this one.
        campaign.trigger = {**campaign.trigger, "segment": str(trigger.segment_id)}
    try:
        with transaction.atomic():
            campaign.save()
    except IntegrityError as error:
        if "campaign_name_once_per_tenant" not in str(error):
            raise
        raise CampaignError([Problem("name", "Another campaign has this name.")]) from error
    return campaign


def save_policy(*, caps: object, gap_seconds: object) -> MessagePolicy:
    """Set what holds for all campaigns together; raises CampaignError. Needs a tenant scope."""
    if problems := validate_policy(caps=caps, gap_seconds=gap_seconds):
        raise CampaignError(problems)
    policy, _ = MessagePolicy.objects.update_or_create(
        tenant_id=current_tenant_id(), defaults={"caps": caps, "gap_seconds": gap_seconds}
    )
    return policy


def current_policy() -> MessagePolicy:
    """The policy in force: the saved one, or an unsaved one with the defaults. Needs a tenant scope."""
    return MessagePolicy.objects.first() or MessagePolicy(tenant_id=current_tenant_id())


def validate_policy(*, caps: object, gap_seconds: object) -> list[Problem]:
    """Every problem of a message policy."""
    problems = validate_caps(caps)
    if not _is_whole(gap_seconds, 0, MAX_GAP_SECONDS):
        problems.append(Problem("gap_seconds", f"Give a whole number from 0 to {MAX_GAP_SECONDS:,}."))
    return problems


def validate_campaign(campaign: Campaign) -> list[Problem]:
    """Every problem of a campaign as it stands, saved or not. Needs a tenant scope."""
    problems: list[Problem] = []
    if not isinstance(campaign.name, str) or not _NAME.match(campaign.name) or not campaign.name.strip():
        problems.append(Problem("name", "Give a name of 1 to 100 characters."))
    if campaign.status not in Campaign.Status.values:
        problems.append(Problem("status", f"Known states: {', '.join(Campaign.Status.values)}."))
    for name, (low, high) in _RANGES.items():
        if not _is_whole(getattr(campaign, name), low, high):
            problems.append(Problem(name, f"Give a whole number from {low:,} to {high:,}."))
    share = campaign.control_share
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 0.9:
        problems.append(Problem("control_share", "Give a number from 0 to 0.9."))
    problems += _schedule_problems(campaign)
    if not problems and campaign.delay_ms >= campaign.message_life_seconds * 1000:
        problems.append(Problem("delay_ms", "The delay must be shorter than the message's life."))
    problems += validate_trigger(campaign.trigger)
    problems += validate_caps(campaign.caps)
    problems += validate_message(campaign.message)
    problems += validate_goal(campaign.goal)
    if not problems and campaign.status == Campaign.Status.RUNNING:
        running = Campaign.objects.filter(status=Campaign.Status.RUNNING).exclude(pk=campaign.pk).count()
        if running >= MAX_RUNNING:
            problems.append(Problem("status", f"At most {MAX_RUNNING} campaigns can run at once."))
    return problems


def validate_trigger(document: object) -> list[Problem]:
    """The problems of a trigger. Needs a tenant scope: the segment that it names must exist here."""
    problems = _problems_of(parse_trigger, document)
    if not problems:
        trigger = parse_trigger(document)
        if isinstance(trigger, SegmentEntry) and not Segment.objects.filter(pk=trigger.segment_id).exists():
            problems.append(Problem("trigger.segment", "There is no such segment in this workspace."))
    return problems


def validate_caps(document: object) -> list[Problem]:
    return _problems_of(parse_caps, document)


def validate_message(document: object) -> list[Problem]:
    return _problems_of(parse_message, document)


def validate_goal(document: object) -> list[Problem]:
    return _problems_of(parse_goal, document)


def _problems_of(parse: Any, document: object) -> list[Problem]:
    try:
        parse(document)
    except CampaignError as error:
        return error.problems
    return []


def _set_audience(campaign: Campaign, audience: object) -> list[Problem]:
    if audience is None or audience == "":
        campaign.audience = None
        return []
    try:
        pk = audience.pk if isinstance(audience, Segment) else UUID(str(audience))
    except ValueError:
        return [Problem("audience", "An audience is named by its segment's id.")]
    segment = Segment.objects.filter(pk=pk).first()
    if segment is None:
        return [Problem("audience", "There is no such segment in this workspace.")]
    campaign.audience = segment
    return []


def _schedule_problems(campaign: Campaign) -> list[Problem]:
    problems = []
    for name in ("starts_at", "ends_at"):
        at = getattr(campaign, name)
        if at is not None and not (isinstance(at, datetime) and at.tzinfo is not None):
            problems.append(Problem(name, "Give a time with its zone, such as 2026-01-31T09:00:00+09:00."))
    if not problems and campaign.starts_at and campaign.ends_at and campaign.starts_at >= campaign.ends_at:
        problems.append(Problem("ends_at", "The end must be later than the start."))
    return problems


def _is_whole(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
