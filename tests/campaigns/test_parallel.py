"""Many devices at once, each on its own connection: caps, exposures and merges hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from campaigns.models import Decision
from tests.campaigns.cast import Device, make_campaign, set_policy
from tests.concurrency import at_once, in_thread, wait_until_somebody_waits_for_a_lock
from tests.conftest import Company

pytestmark = pytest.mark.django_db(transaction=True)


def family(company: Company, size: int) -> list[Device]:
    """Devices of one person, each with a trigger of its own."""
    devices = [Device(company, user_id="u1") for _ in range(size)]
    for device in devices:
        device.track("added_to_cart")
    return devices


@pytest.mark.parametrize("round_", range(3))
def test_decide__many_devices__campaign_cap_is_never_exceeded(acme: Company, round_: int) -> None:
    set_policy(acme)
    make_campaign(acme, caps=[{"limit": 2, "window": "1d"}])
    devices = family(acme, 6)

    decisions = at_once(*(device.decide for device in devices))

    assert sum(decision is not None for decision in decisions) == 2


def test_decide__many_devices_and_campaigns__tenant_cap_is_never_exceeded(acme: Company) -> None:
    set_policy(acme, caps=[{"limit": 3, "window": "lifetime"}])
    for priority in (10, 20, 30):
        make_campaign(acme, priority=priority, caps=[{"limit": 2, "window": "lifetime"}])
    devices = family(acme, 6)

    decisions = at_once(*(device.decide for device in devices))

    campaigns = [decision["campaign_id"] for decision in decisions if decision is not None]
    assert len(campaigns) == 3
    assert max(map(campaigns.count, campaigns)) <= 2


def test_decide__gap__one_reservation_at_a_time(acme: Company) -> None:
    set_policy(acme, gap_seconds=30)
    make_campaign(acme)
    devices = family(acme, 5)

    decisions = at_once(*(device.decide for device in devices))

    assert sum(decision is not None for decision in decisions) == 1


def test_decide__one_device_asking_twice_at_once__gets_one_decision(acme: Company) -> None:
    set_policy(acme)
    make_campaign(acme)
    (device,) = family(acme, 1)

    decisions = at_once(*[device.decide] * 4)

    assert len({decision["decision_id"] for decision in decisions if decision}) == 1
    with acme.scope():
        assert Decision.objects.count() == 1


def test_exposed__two_draws_at_once__one_is_accepted(acme: Company) -> None:
    set_policy(acme)
    make_campaign(acme)
    (device,) = family(acme, 1)
    decision = device.decide()
    assert decision is not None

    def expose(exposure_id: str) -> Callable[[], dict[str, Any]]:
        return lambda: device.report(decision, "exposed", exposure_id=exposure_id)

    results = at_once(*(expose(f"e{number}") for number in range(4)))

    assert sorted(result.get("code", "accepted") for result in results) == ["accepted", *["already_exposed"] * 3]


@pytest.mark.parametrize("call", ["decide", "report"])
def test_person__merged_while_we_wait_for_the_lock__is_the_merged_one(acme: Company, call: str) -> None:
    set_policy(acme)
    make_campaign(acme)
    user = Device(acme, user_id="u1")
    user.identify(first_name="Ada")
    device = Device(acme)
    message_id = device.track("added_to_cart")
    decision = device.decide() if call == "report" else None
    known = Device(acme, anonymous_id=device.anonymous_id, user_id="u1")

    with transaction.atomic():
        known.identify()  # the anonymous person becomes the user; not yet committed
        if decision is None:
            finish = in_thread(lambda: device.decide(triggers=[message_id]))
        else:
            finish = in_thread(lambda: device.report(decision, "exposed"))
        wait_until_somebody_waits_for_a_lock()
    outcome = finish()

    if decision is None:
        assert outcome is not None
    else:
        assert outcome == {"accepted": True}
    with acme.scope():
        (row,) = known.rows()
    assert row.person_id == known.person_id
    assert (row.exposed_at is not None) == (call == "report")
