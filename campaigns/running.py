"""The running campaigns of a tenant and its message policy, parsed; kept in the process while their rows are the same.

Every decision asks whether they still are: a row's version (`xmin`, `ctid`) tells, whoever wrote it. So a change holds
from the next decision on, in every process.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db.models import F

from campaigns.choice import Candidate, Policy
from campaigns.models import Campaign, MessagePolicy
from campaigns.parsing import CampaignError, EventTrigger, SegmentEntry, parse_caps, parse_trigger
from tenants.kept import Kept
from tenants.scope import current_tenant_id
from tenants.statements import run

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Running:
    """A running campaign, parsed."""

    campaign: Campaign
    trigger: EventTrigger | SegmentEntry
    life: timedelta
    candidate: Candidate
    """As somebody meets it who has done nothing that it listens to."""


_kept: Kept[tuple[list[Running], Policy]] = Kept()


def load_running(*, now: datetime) -> tuple[list[Running], Policy]:
    """The campaigns that run and have not ended as of `now`, and what holds for all of them."""
    tenant_id = current_tenant_id()
    ((version,),) = run(_VERSION, {"tenant": tenant_id})
    running, policy = _kept.get(tenant_id=tenant_id, version=version, load=_load)
    return [r for r in running if r.campaign.ends_at is None or r.campaign.ends_at > now], policy


def _load() -> tuple[list[Running], Policy]:
    running = []
    campaigns = (
        Campaign.objects.filter(status=Campaign.Status.RUNNING)
        .annotate(audience_live_version=F("audience__live_version"))
        .order_by()
    )
    for campaign in campaigns:
        try:
            caps, trigger = parse_caps(campaign.caps), parse_trigger(campaign.trigger)
        except CampaignError as error:
            # It was written past the validators: it alone is left out.
            log.error("campaign.unreadable", campaign_id=str(campaign.pk), error=str(error))
            continue
        candidate = Candidate(
            campaign_id=campaign.pk,
            name=campaign.name,
            priority=campaign.priority,
            created_at=campaign.created_at,
            starts_at=campaign.starts_at,
            ends_at=campaign.ends_at,
            caps=caps,
            trigger_values={"life_seconds": campaign.trigger_life_seconds, "live": 0, "used": 0},
        )
        life = timedelta(seconds=campaign.trigger_life_seconds)
        running.append(Running(campaign, trigger, life, candidate))
    policy = MessagePolicy.objects.first()
    if policy is None:
        return running, Policy()
    try:
        return running, Policy(caps=parse_caps(policy.caps), gap=timedelta(seconds=policy.gap_seconds))
    except CampaignError as error:
        # No cap can be kept that cannot be read: nothing is shown.
        log.error("message_policy.unreadable", error=str(error))
        return [], Policy()


_VERSION = """
    SELECT md5(concat(
        (SELECT string_agg(concat(c.xmin, c.ctid, s.live_version), ',' ORDER BY c.id) FROM campaigns_campaign c
         LEFT JOIN segments_segment s ON s.tenant_id = c.tenant_id AND s.id = c.audience_id
         WHERE c.tenant_id = %(tenant)b AND c.status = 'running'),
        '/', (SELECT concat(p.xmin, p.ctid) FROM campaigns_messagepolicy p WHERE p.tenant_id = %(tenant)b)
    ))
"""
