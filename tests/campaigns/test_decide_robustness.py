"""POST /v1/decide: hostile questions, broken definitions, cost."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from campaigns.decide import explain
from campaigns.models import Campaign, MessagePolicy
from tests.campaigns.cast import MESSAGE, Device, make_campaign, make_segment
from tests.conftest import Company


def test_unrenderable_message__gives_way_to_the_next(free: Company) -> None:
    broken = make_campaign(
        free, priority=90, message=MESSAGE | {"title": "{{ event.properties.price | divided_by: 0 }}"}
    )
    sound = make_campaign(free, priority=10)
    device = Device(free)
    device.track("added_to_cart", price=5)

    decision = device.decide()

    assert decision is not None
    assert decision["campaign_id"] == str(sound.pk)
    with free.scope():
        trace = device.rows()[0].trace["candidates"]
    told = {one["campaign_id"]: one["rule"] for one in trace}
    assert told == {str(broken.pk): "message", str(sound.pk): None}


def test_unreadable_campaign__is_left_out(free: Company) -> None:
    campaign = make_campaign(free, priority=90)
    sound = make_campaign(free)
    with free.scope():
        Campaign.objects.filter(pk=campaign.pk).update(caps="nonsense")
    device = Device(free)
    device.track("added_to_cart")

    decision = device.decide()

    assert decision is not None
    assert decision["campaign_id"] == str(sound.pk)


def test_unreadable_policy__shows_nothing(free: Company) -> None:
    make_campaign(free)
    with free.scope():
        MessagePolicy.objects.update(caps="nonsense")
    device = Device(free)
    device.track("added_to_cart")

    assert device.decide() is None


def test_unknown_person__gets_nothing(free: Company) -> None:
    make_campaign(free)

    answer = Device(free).ask()

    assert answer["decision"] is None
    assert answer["next_check_in_ms"] is None


HOSTILE: list[Any] = [
    {}, [], 1, "x", None, {"userId": None, "anonymousId": ""}, {"userId": ["x"]}, {"userId": {"a": 1}},
    {"userId": True}, {"userId": "x" * 256}, {"userId": 1.5},
    {"anonymousId": "a", "triggers": "x"}, {"anonymousId": "a", "triggers": [[]]},
    {"anonymousId": "a", "triggers": ["x"] * 101}, {"anonymousId": "a", "open": "yes"},
    {"anonymousId": "a", "open": []}, {"anonymousId": "a", "sessionId": []},
    {"anonymousId": "a", "sessionId": "s" * 300},
]  # fmt: skip


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_question__is_400_in_the_one_shape(free: Company, body: Any) -> None:
    response = Client().post("/v1/decide", body, content_type="application/json", **free.write_auth)

    assert response.status_code == 400
    assert {"code", "message"} <= response.json().keys()


RAW = [b"", b"{", b"\x00", b"\xff\xfe", b'{"anonymousId": "\\ud800"}', b'{"anonymousId": "a\\u0000b", "open": NaN}',
       b'{"anonymousId":' + b"[" * 100_000]  # fmt: skip


@pytest.mark.parametrize("body", RAW, ids=range(len(RAW)))
def test_hostile_bytes__are_no_500(free: Company, body: bytes) -> None:
    make_campaign(free)

    response = Client().post("/v1/decide", body, content_type="text/plain", **free.write_auth)

    assert response.status_code in (200, 400)


def test_key__missing_or_wrong__is_401(acme: Company) -> None:
    for auth in ({}, {"HTTP_AUTHORIZATION": "Basic d3JvbmdfOg=="}):
        response = Client().post("/v1/decide", {"anonymousId": "a"}, content_type="application/json", **auth)

        assert response.status_code == 401
        assert response.json()["code"] == "unknown_key"


def test_browser__foreign_origin__is_refused_and_preflight_answered(free: Company) -> None:
    with free.scope():
        free.tenant.allowed_origins = ["https://shop.example"]
        free.tenant.save()

    def ask(origin: str) -> int:
        auth = free.write_auth | {"HTTP_ORIGIN": origin}
        return Client().post("/v1/decide", {"anonymousId": "a"}, content_type="application/json", **auth).status_code

    assert ask("https://shop.example") == 200
    assert ask("https://evil.example") == 403
    assert Client().options("/v1/decide", HTTP_ORIGIN="https://shop.example").status_code == 204


def test_cost__digested_person__few_statements_whatever_the_number_of_campaigns(free: Company) -> None:
    segment = make_segment(free, {"not": {"did": "purchased"}})
    for priority in range(1, 8):
        make_campaign(free, priority=priority, audience=segment, caps=[{"limit": 5, "window": "1d"}])
        make_campaign(free, trigger={"on": "segment_entry", "segment": str(segment.pk)})
    device = Device(free)
    device.track("added_to_cart")
    device.see()

    with CaptureQueriesContext(connection) as queries:
        assert device.decide() is not None

    statements = [q["sql"] for q in queries if "SAVEPOINT" not in q["sql"] and "set_config" not in q["sql"]]
    # The key, the person, the version of campaigns and policy, memberships, events, entries, the ledger, and the new
    # decision.
    assert len(statements) == 8, statements


def test_explain__person__is_the_trace_and_reserves_nothing(free: Company) -> None:
    make_campaign(free, trigger={"on": "event", "event": "other"})
    device = Device(free)
    device.track("added_to_cart")

    with free.scope():
        trace = explain(person_id=device.person_id, tenant=free.tenant)
        rows = device.rows()

    assert trace is not None
    assert [one["rule"] for one in trace["candidates"]] == ["trigger"]
    assert trace["candidates"][0]["values"] == {"life_seconds": 60, "live": 0, "used": 0}
    assert rows == []
