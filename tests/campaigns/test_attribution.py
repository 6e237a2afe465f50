"""What a campaign brought about: per person, from the first exposure on, alike in both arms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from campaigns.attribution import ArmCounts, Attribution, attribute
from campaigns.models import Campaign, Decision
from events.models import Event
from tests.campaigns.cast import make_campaign
from tests.conftest import Company

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def campaign(scoped: Company) -> Campaign:
    where = [{"property": "total", "op": ">", "value": 10}]
    return make_campaign(scoped, goal={"event": ["purchased", "paid"], "where": where, "within": "1d"})


def decided(campaign: Campaign, person_id: Any, *, at: float = 0, arm: str = "treatment", **fields: Any) -> None:
    """A decision exposed so many hours after the start; times of `fields` are hours too."""
    exposed_at = START + at * HOUR
    Decision.objects.create(
        tenant_id=campaign.tenant_id,
        person_id=person_id,
        decision_id=uuid4(),
        campaign_id=campaign.pk,
        trigger_id=str(uuid4()),
        variant="a",
        arm=arm,
        propensity=0.5,
        policy_version="priority/1",
        device="d",
        decided_at=exposed_at,
        expires_at=exposed_at + HOUR,
        exposed_at=None if fields.pop("unexposed", False) else exposed_at,
        **{name: START + value * HOUR for name, value in fields.items()},
    )


def did(campaign: Campaign, person_id: Any, *, at: float, name: str = "purchased", total: Any = 50) -> None:
    occurred_at = START + at * HOUR
    Event.objects.create(
        tenant_id=campaign.tenant_id,
        person_id=person_id,
        name=name,
        occurred_at=occurred_at,
        event_id=uuid4(),
        message_id=str(uuid4()),
        received_at=occurred_at,
        source="app",
        properties={"total": total},
    )


def result(campaign: Campaign, company: Company, *, at: float = 100) -> Attribution:
    return attribute(campaign=campaign, tenant=company.tenant, now=START + at * HOUR)


def test_attribution__nobody_exposed__is_all_zero(campaign: Campaign, scoped: Company) -> None:
    """Planted bug: control counted from the decision instead of the exposure (seen to fail)."""
    for arm in ("treatment", "control"):
        decided(campaign, uuid4(), arm=arm, unexposed=True)

    counts = result(campaign, scoped)

    assert (counts.treatment, counts.control, counts.crossovers) == (ArmCounts(), ArmCounts(), 0)
    assert counts.comparison.difference is None


def test_attribution__each_outcome__is_counted_once_a_person(campaign: Campaign, scoped: Company) -> None:
    viewer, clicker, late_clicker, idle, dismisser = (uuid4() for _ in range(5))
    decided(campaign, viewer, rendered_at=0)
    did(campaign, viewer, at=2)
    did(campaign, viewer, at=3)
    decided(campaign, clicker, rendered_at=0, clicked_at=1)
    did(campaign, clicker, at=2, name="paid")
    decided(campaign, late_clicker, rendered_at=0, clicked_at=3)
    did(campaign, late_clicker, at=2)
    decided(campaign, idle, rendered_at=0)
    decided(campaign, dismisser, rendered_at=0, dismissed_at=1)
    control = uuid4()
    decided(campaign, control, arm="control")
    did(campaign, control, at=2)

    counts = result(campaign, scoped)

    assert counts.treatment == ArmCounts(
        exposed=5, rendered=5, clicked=2, dismissed=1, converted=3, click_through=1, view_through=2
    )
    assert counts.control == ArmCounts(exposed=1, converted=1, view_through=1)
    assert counts.comparison.treatment_rate == 0.6
    assert counts.comparison.control_rate == 1.0


@pytest.mark.parametrize(
    ("at", "fields", "counts"),
    [
        (-1, {}, False),
        (0, {}, True),
        (23.999, {}, True),
        (24, {}, False),
        (1, {"name": "other"}, False),
        (1, {"total": 10}, False),
        (1, {"total": "11"}, True),
        (1, {"total": None}, False),
    ],
)
def test_attribution__goal__is_its_event_its_filters_and_its_time(
    campaign: Campaign, scoped: Company, at: float, fields: dict[str, Any], counts: bool
) -> None:
    person = uuid4()
    decided(campaign, person, arm="control")
    did(campaign, person, at=at, **fields)

    assert result(campaign, scoped).control.converted == counts


def test_attribution__several_exposures__the_first_counts(campaign: Campaign, scoped: Company) -> None:
    person = uuid4()
    decided(campaign, person, at=0)
    decided(campaign, person, at=20)
    did(campaign, person, at=30)

    counts = result(campaign, scoped).treatment

    assert (counts.exposed, counts.converted) == (1, 0)


def test_attribution__crossover__stays_in_its_first_arm_and_is_flagged(campaign: Campaign, scoped: Company) -> None:
    person = uuid4()
    decided(campaign, person, at=5, arm="treatment")
    decided(campaign, person, at=1, arm="control")

    counts = result(campaign, scoped)

    assert (counts.control.exposed, counts.treatment.exposed, counts.crossovers) == (1, 0, 1)


def test_attribution__now__hides_what_came_later(campaign: Campaign, scoped: Company) -> None:
    early, later = uuid4(), uuid4()
    decided(campaign, early, at=0)
    did(campaign, early, at=10)
    decided(campaign, later, at=20)

    before, after = result(campaign, scoped, at=5).treatment, result(campaign, scoped, at=15).treatment

    assert (before.exposed, before.converted, before.maturing) == (1, 0, 1)
    assert (after.exposed, after.converted, after.maturing) == (1, 1, 0)


def test_attribution__of_another_tenant_or_campaign__does_not_mix(
    campaign: Campaign, scoped: Company, globex: Company
) -> None:
    person = uuid4()
    other = make_campaign(scoped)
    foreign = make_campaign(globex)
    decided(other, person)
    with globex.scope():
        decided(foreign, person)
        did(foreign, person, at=1)
    decided(campaign, person)

    counts = result(campaign, scoped)

    assert (counts.treatment.exposed, counts.treatment.converted) == (1, 0)
