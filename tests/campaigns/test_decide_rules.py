"""POST /v1/decide: schedule, audience, caps and gap, through the whole product."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from campaigns.decide import explain
from tests.campaigns.cast import Device, age_ledger, make_campaign, make_segment, set_policy
from tests.conftest import Company


@pytest.mark.parametrize("status", ["draft", "paused", "ended"])
def test_campaign__not_running__is_no_candidate(free: Company, status: str) -> None:
    make_campaign(free, status=status)
    device = Device(free)
    device.track("added_to_cart")

    assert device.ask() | {"server_time": ""} == {"decision": None, "next_check_in_ms": None, "server_time": ""}


def test_schedule__not_begun__asks_again_at_its_start(free: Company) -> None:
    make_campaign(free, starts_at=datetime.now(UTC) + timedelta(seconds=40))
    device = Device(free)
    device.track("added_to_cart")

    answer = device.ask()

    assert answer["decision"] is None
    assert 30_000 < answer["next_check_in_ms"] <= 40_000


def test_schedule__over__shows_nothing(free: Company) -> None:
    now = datetime.now(UTC)
    make_campaign(free, starts_at=now - timedelta(days=2), ends_at=now - timedelta(seconds=1))
    device = Device(free)
    device.track("added_to_cart")

    assert device.decide() is None


def test_schedule__end__also_ends_the_message(free: Company) -> None:
    make_campaign(free, ends_at=datetime.now(UTC) + timedelta(seconds=20))
    device = Device(free)
    device.track("added_to_cart")

    decision = device.decide()

    assert decision is not None
    assert decision["expires_in_ms"] <= 20_000


@pytest.mark.parametrize("computed", [True, False], ids=["in force", "never computed"])
def test_audience__undigested_facts__count_at_once(free: Company, computed: bool) -> None:
    segment = make_segment(free, {"trait": "plan", "op": "=", "value": "free"}, computed=computed)
    make_campaign(free, audience=segment)
    device = Device(free, user_id="u1")
    device.identify(plan="paid")
    device.track("added_to_cart")
    assert device.decide() is None

    device.identify(plan="free")

    assert device.decide() is not None


def test_audience__membership_come_due__is_evaluated(free: Company) -> None:
    segment = make_segment(free, {"did": "liked", "within": "1h"})
    make_campaign(free, audience=segment)
    device = Device(free)
    device.track("liked", ago=3599.3)
    device.track("added_to_cart")
    with free.scope():
        assert explain(person_id=device.person_id, tenant=free.tenant)  # a member, for another 0.7 s
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.8)")

    assert device.decide() is None


def test_inaction__cart_abandoned__next_check_is_its_minute_ten(free: Company) -> None:
    condition = {"did": "added_to_cart", "then_not": {"did": "purchased"}, "after": "10m"}
    segment = make_segment(free, condition)
    make_campaign(free, trigger={"on": "segment_entry", "segment": str(segment.pk)})
    device = Device(free)
    device.track("added_to_cart", ago=540)

    waiting = device.ask(triggers=[])

    assert waiting["decision"] is None
    assert 50_000 < waiting["next_check_in_ms"] <= 60_000


def test_inaction__minute_ten_has_come__shows(free: Company) -> None:
    condition = {"did": "added_to_cart", "then_not": {"did": "purchased"}, "after": "10m"}
    segment = make_segment(free, condition)
    make_campaign(free, trigger={"on": "segment_entry", "segment": str(segment.pk)})
    device = Device(free)
    device.track("added_to_cart", ago=599.5)
    assert device.decide(triggers=[]) is None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.6)")

    assert device.decide(triggers=[]) is not None


def test_cap__used_up__falls_through_to_the_next_candidate(free: Company) -> None:
    make_campaign(free, priority=90, caps=[{"limit": 1, "window": "1d"}])
    second = make_campaign(free, priority=10)
    device = Device(free)
    device.track("added_to_cart")
    device.see()
    device.track("added_to_cart")

    decision = device.decide()

    assert decision is not None
    assert decision["campaign_id"] == str(second.pk)


def test_cap__rolling_window__frees_as_time_passes(free: Company) -> None:
    make_campaign(free, caps=[{"limit": 1, "window": "1h"}])
    device = Device(free)
    device.track("added_to_cart")
    device.see()
    device.track("added_to_cart")
    assert device.decide() is None

    age_ledger(free, minutes=61)

    assert device.decide() is not None


def test_cap__of_the_tenant__counts_over_campaigns_and_devices(acme: Company) -> None:
    set_policy(acme, caps=[{"limit": 2, "window": "1d"}])
    make_campaign(acme, priority=90)
    make_campaign(acme, priority=10)
    phone, laptop = Device(acme, user_id="u1"), Device(acme, user_id="u1")
    phone.track("added_to_cart")
    phone.see()
    laptop.see()
    laptop.track("added_to_cart")

    assert laptop.decide() is None
    assert phone.decide() is None


def test_cap__session__frees_with_the_next_session(free: Company) -> None:
    make_campaign(free, caps=[{"limit": 1, "window": "session"}])
    device = Device(free, session_id="s1")
    device.track("added_to_cart")
    device.see()
    device.track("added_to_cart")
    assert device.decide() is None

    device.session_id = "s2"

    assert device.decide() is not None


def test_cap__expired_reservation__does_not_count(free: Company) -> None:
    make_campaign(free, caps=[{"limit": 1, "window": "lifetime"}])
    device = Device(free)
    device.track("added_to_cart")
    assert device.decide() is not None
    age_ledger(free, seconds=301)
    device.track("added_to_cart")

    assert device.decide() is not None


def test_gap__by_default_30_seconds__then_shows(acme: Company) -> None:
    make_campaign(acme)
    device = Device(acme)
    device.track("added_to_cart")
    device.see()
    device.track("added_to_cart")

    waiting = device.ask()

    assert waiting["decision"] is None
    assert 20_000 < waiting["next_check_in_ms"] <= 30_000
    age_ledger(acme, seconds=31)
    assert device.decide() is not None


def test_gap__reservation_of_another_device__holds_the_slot(acme: Company) -> None:
    make_campaign(acme)
    phone, laptop = Device(acme, user_id="u1"), Device(acme, user_id="u1")
    laptop.identify()
    phone.track("added_to_cart")
    reserved = phone.decide()
    assert reserved is not None
    laptop.track("added_to_cart")
    assert laptop.decide() is None

    phone.report(reserved, "released")

    assert laptop.decide() is not None
