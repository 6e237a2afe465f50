"""Arms: stable, salted, sticky."""

from __future__ import annotations

from uuid import UUID, uuid5

import pytest

from campaigns.assignment import assign, position_of
from tests.campaigns.records import NOW, entry, exposed, seconds

CAMPAIGN, OTHER = UUID(int=1), UUID(int=2)
PEOPLE = [uuid5(CAMPAIGN, str(number)) for number in range(10_000)]


def test_position__published_vector__agrees() -> None:
    position = position_of(campaign_id=UUID(int=1), person_id=UUID(int=2))

    assert position == pytest.approx(0.28358964, abs=1e-8)  # sha256sum begins 0x4899549e45f8be78


def test_position__many_people__is_uniform_and_salted() -> None:
    here = [position_of(campaign_id=CAMPAIGN, person_id=person) < 0.1 for person in PEOPLE]
    there = [position_of(campaign_id=OTHER, person_id=person) < 0.1 for person in PEOPLE]

    assert 900 < sum(here) < 1100
    assert 60 < sum(a and b for a, b in zip(here, there, strict=True)) < 145


def test_assign__same_person__same_arm_and_its_probability() -> None:
    for person in PEOPLE[:100]:
        first = assign(campaign_id=CAMPAIGN, person_id=person, control_share=0.3, entries=[])
        again = assign(campaign_id=CAMPAIGN, person_id=person, control_share=0.3, entries=[])

        assert first == again
        assert first.propensity == (0.3 if first.arm == "control" else 0.7)


@pytest.mark.parametrize("share", [0, 0.9])
def test_assign__known_arm__outlives_another_control_share(share: float) -> None:
    known = entry(campaign_id=CAMPAIGN, arm="control", propensity=0.2)

    for person in PEOPLE[:20]:
        assignment = assign(campaign_id=CAMPAIGN, person_id=person, control_share=share, entries=[known])

        assert (assignment.arm, assignment.propensity) == ("control", 0.2)


def test_assign__merged_ledger__the_earlier_exposure_decides() -> None:
    """Planted bug: the earliest decision decides, exposed or not (seen to fail)."""
    decided_first = entry(arm="treatment", decided_at=NOW - seconds(900))
    exposed_later = exposed(10, arm="treatment")
    exposed_first = exposed(20, arm="control")

    assignment = assign(
        campaign_id=CAMPAIGN,
        person_id=PEOPLE[0],
        control_share=0.5,
        entries=[decided_first, exposed_later, exposed_first],
    )

    assert assignment.arm == "control"


def test_assign__entries_of_another_campaign__do_not_matter() -> None:
    person = next(p for p in PEOPLE if position_of(campaign_id=CAMPAIGN, person_id=p) > 0.5)
    foreign = exposed(10, campaign_id=OTHER, arm="control")

    assert assign(campaign_id=CAMPAIGN, person_id=person, control_share=0.5, entries=[foreign]).arm == "treatment"
