"""POST /v1/decide: the answer, the ledger, and what triggers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from campaigns.decide import explain
from tests.campaigns.cast import Device, make_campaign, make_segment, set_public
from tests.conftest import Company


def test_decide__live_trigger__answers_in_the_agreed_shape(free: Company) -> None:
    campaign = make_campaign(free, delay_ms=1500)
    set_public(free, "first_name")
    device = Device(free, user_id="u1")
    device.identify(first_name="Ada", email="ada@example.org")
    message_id = device.track("added_to_cart", product="boots")

    answer = device.ask(triggers=[message_id])

    decision = answer["decision"]
    assert decision.pop("decision_id")
    assert 299_000 < decision.pop("expires_in_ms") <= 300_000
    assert decision == {
        "campaign_id": str(campaign.pk),
        "variant": "a",
        "arm": "treatment",
        "delay_ms": 1500,
        "message": {
            "template": "modal",
            "title": "Hi Ada",
            "body": "You left boots behind.",
            "image_url": None,
            "locale": "en",
            "buttons": [
                {"label": "Look", "action": "link", "url": "/cart"},
                {"label": "Later", "action": "dismiss", "url": None},
            ],
        },
    }
    assert answer["next_check_in_ms"] is None
    assert datetime.fromisoformat(answer["server_time"]) <= datetime.now(UTC)


def test_decide__chosen__is_a_row_of_the_ledger(free: Company) -> None:
    campaign = make_campaign(free, control_share=0.2)
    other = make_campaign(free, priority=1)
    device = Device(free)
    device.track("added_to_cart")

    decision = device.decide()

    assert decision is not None
    with free.scope():
        (row,) = device.rows()
    assert row.campaign_id == campaign.pk
    assert row.propensity == (0.2 if row.arm == "control" else 0.8)
    assert row.policy_version == "priority/1"
    assert row.device == device.anonymous_id
    assert row.exposed_at is None
    told = [(one["campaign_id"], one["rule"]) for one in row.trace["candidates"]]
    assert told == [(str(campaign.pk), None), (str(other.pk), "outranked")]


def test_trigger__event_of_the_app__counts_when_named_or_nothing_is(free: Company) -> None:
    make_campaign(free)
    device = Device(free)
    message_id = device.track("added_to_cart")

    assert device.decide(triggers=[]) is None
    assert device.decide(triggers=["another"]) is None
    assert device.decide(triggers=[message_id]) is not None


def test_trigger__nothing_named__every_live_one_counts(free: Company) -> None:
    make_campaign(free)
    device = Device(free)
    device.track("added_to_cart")

    assert device.decide() is not None


def test_trigger__event_of_the_server__counts_unnamed(free: Company) -> None:
    make_campaign(free)
    device = Device(free, user_id="u1")
    device.track("added_to_cart", server=True)

    assert device.decide(triggers=[]) is not None


def test_trigger__past_its_life__is_dead(free: Company) -> None:
    make_campaign(free, trigger_life_seconds=60)
    device = Device(free)
    device.track("added_to_cart", ago=61)

    assert device.decide() is None

    device.track("added_to_cart", ago=55)

    assert device.decide() is not None


def test_trigger__used_once__is_used_even_when_released_or_expired(free: Company) -> None:
    make_campaign(free)
    device = Device(free)
    device.track("added_to_cart")
    first = device.decide()
    assert first is not None
    assert device.report(first, "released") == {"accepted": True}

    assert device.decide() is None

    device.track("added_to_cart")

    assert device.decide() is not None


def test_trigger__one_event__serves_each_campaign_once(free: Company) -> None:
    high, low = make_campaign(free, priority=90), make_campaign(free, priority=10)
    device = Device(free)
    device.track("added_to_cart")

    first = device.see()
    second = device.see()

    assert (first["campaign_id"], second["campaign_id"]) == (str(high.pk), str(low.pk))
    assert device.decide() is None


@pytest.mark.parametrize(
    ("properties", "shows"),
    [({"price": 150, "tags": ["Boots"]}, True), ({"price": "150", "tags": ["BOOTS "]}, True),
     ({"price": 99, "tags": ["boots"]}, False), ({"tags": ["boots"]}, False), ({"price": 150}, False)],
)  # fmt: skip
def test_trigger__filters__hold_for_the_event(free: Company, properties: dict[str, Any], shows: bool) -> None:
    where = [{"property": "price", "op": ">", "value": 100}, {"property": "tags", "op": "contains", "value": "boots"}]
    make_campaign(free, trigger={"on": "event", "event": ["liked", "added_to_cart"], "where": where})
    device = Device(free)
    device.track("added_to_cart", **properties)

    assert (device.decide() is not None) == shows


def test_trigger__other_event__is_none(free: Company) -> None:
    make_campaign(free)
    device = Device(free)
    device.track("viewed")

    assert device.decide() is None


def test_trigger__app_open__counts_when_the_app_says_so(free: Company) -> None:
    make_campaign(free, trigger={"on": "app_open"})
    device = Device(free)
    device.track("app_opened")

    assert device.decide(triggers=[]) is None
    assert device.decide(triggers=[], open=True) is not None


def test_trigger__entering_a_segment__counts_once(free: Company) -> None:
    segment = make_segment(free, {"did": "liked", "count": {"op": ">=", "value": 2}})
    make_campaign(free, trigger={"on": "segment_entry", "segment": str(segment.pk)})
    device = Device(free)
    device.track("liked")
    assert device.decide(triggers=[]) is None
    device.track("liked")

    device.see(triggers=[])

    assert device.decide(triggers=[]) is None
    device.track("liked")
    assert device.decide(triggers=[]) is None


def test_trigger__segment_defined_anew__is_no_entry(free: Company) -> None:
    device = Device(free)
    device.track("liked")
    segment = make_segment(free, {"did": "liked"})
    make_campaign(free, trigger={"on": "segment_entry", "segment": str(segment.pk)})

    assert device.decide() is None


def test_trigger__left_the_segment_again__is_none(free: Company) -> None:
    segment = make_segment(free, {"all": [{"did": "added_to_cart"}, {"not": {"did": "purchased"}}]})
    make_campaign(free, trigger={"on": "segment_entry", "segment": str(segment.pk)})
    device = Device(free)
    make_campaign(free, trigger={"on": "event", "event": "never"}, audience=segment)
    device.track("added_to_cart")
    with free.scope():
        explain(person_id=device.person_id, tenant=free.tenant)  # evaluates: the entry is recorded
    device.track("purchased")

    assert device.decide() is None
