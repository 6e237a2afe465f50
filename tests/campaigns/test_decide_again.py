"""POST /v1/decide: asking again, arms, merges."""

from __future__ import annotations

from typing import Any

from campaigns.assignment import position_of
from campaigns.definitions import save_campaign
from campaigns.models import Campaign
from tests.campaigns.cast import Device, age_ledger, make_campaign, make_segment
from tests.conftest import Company


def test_ask_again__same_device_and_trigger__same_decision(free: Company) -> None:
    make_campaign(free, delay_ms=5000)
    device = Device(free)
    message_id = device.track("added_to_cart", ago=5, product="boots")
    first = device.decide(triggers=[message_id])
    assert first is not None
    age_ledger(free, seconds=2)

    again = device.decide(triggers=[message_id])

    assert again is not None
    assert again["decision_id"] != first["decision_id"]  # the aged reservation ends sooner, and the handle says so
    assert again["message"] == first["message"]
    assert again["expires_in_ms"] <= first["expires_in_ms"] - 2000
    assert again["delay_ms"] <= 3000
    with free.scope():
        assert len(device.rows()) == 1


def test_ask_again__at_once__same_handle(free: Company) -> None:
    make_campaign(free)
    device = Device(free)
    device.track("added_to_cart")

    first, again = device.decide(), device.decide()

    assert first is not None
    assert again is not None
    assert first["decision_id"] == again["decision_id"]


def test_ask_again__another_device__does_not_get_it(free: Company) -> None:
    make_campaign(free)
    phone, laptop = Device(free, user_id="u1"), Device(free, user_id="u1")
    laptop.identify()
    phone.track("added_to_cart")
    assert phone.decide() is not None

    assert laptop.decide() is None


def test_ask_again__campaign_stopped_meanwhile__is_released(free: Company) -> None:
    campaign = make_campaign(free)
    make_campaign(free, trigger={"on": "event", "event": "other"})
    device = Device(free)
    device.track("added_to_cart")
    first = device.decide()
    assert first is not None
    with free.scope():
        Campaign.objects.filter(pk=campaign.pk).update(status="paused")

    assert device.decide() is None
    assert device.report(first, "exposed")["code"] == "released"


def test_ask_again__left_the_audience_meanwhile__is_released(free: Company) -> None:
    segment = make_segment(free, {"not": {"did": "purchased"}})
    make_campaign(free, audience=segment)
    device = Device(free)
    device.track("added_to_cart")
    assert device.decide() is not None
    device.track("purchased")

    assert device.decide() is None
    with free.scope():
        assert device.rows()[0].released_at is not None


def test_arms__both__get_the_same_envelope(free: Company) -> None:
    make_campaign(free, control_share=0.5)
    envelopes: dict[str, dict[str, Any]] = {}
    for _ in range(40):
        device = Device(free)
        device.track("added_to_cart", product="boots")
        decision = device.decide()
        assert decision is not None
        envelopes[decision["arm"]] = decision

    treatment, control = envelopes["treatment"], envelopes["control"]
    own = {"decision_id", "arm", "expires_in_ms"}
    assert {k: v for k, v in treatment.items() if k not in own} == {k: v for k, v in control.items() if k not in own}
    assert treatment.keys() == control.keys()


def test_arms__after_a_merge__the_earlier_exposed_one_stays(free: Company) -> None:
    make_campaign(free, control_share=0.5)
    # An anonymous person whose arm differs from the one that the user's own id would draw.
    for _ in range(50):
        device = Device(free)
        device.track("added_to_cart")
        earlier = device.see()
        user = Device(free, user_id=f"user of {device.anonymous_id}")
        user.track("added_to_cart")
        later = user.see()
        if earlier["arm"] != later["arm"]:
            break
    device.user_id = user.user_id
    device.identify()
    device.track("added_to_cart")

    decision = device.decide()

    assert decision is not None
    assert decision["arm"] == earlier["arm"]
    with free.scope():
        assert len(device.rows()) == 3


def test_caps__after_a_merge__sum(free: Company) -> None:
    make_campaign(free, caps=[{"limit": 2, "window": "lifetime"}])
    device, user = Device(free), Device(free, user_id="u1")
    for one in (device, user):
        one.track("added_to_cart")
        one.see()
    device.user_id = "u1"
    device.identify()
    device.track("added_to_cart")

    assert device.decide() is None


def test_arms__decision_given_back_in_the_same_question__its_arm_stays(free: Company) -> None:
    campaign = make_campaign(free, message={"template": "modal", "title": "{{ event.properties.a }}", "body": ""})
    device = Device(free)
    while position_of(campaign_id=campaign.pk, person_id=device.person_id) >= 0.9:
        device = Device(free)
    former = device.track("added_to_cart", a="x")
    first = device.decide(triggers=[former])
    with free.scope():
        message = {"template": "modal", "title": "{{ event.properties.b }}", "body": ""}
        save_campaign(campaign=campaign, changes={"control_share": 0.9, "message": message})
    latter = device.track("added_to_cart", b="y")

    second = device.decide(triggers=[former, latter])

    assert first is not None
    assert second is not None
    assert first["decision_id"] != second["decision_id"]
    assert (first["arm"], second["arm"]) == ("treatment", "treatment")
