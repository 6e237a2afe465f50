"""Campaigns and their reports over REST."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.http import HttpResponse
from django.test import Client

from campaigns.models import Campaign, Decision
from segments.editing import edit_segment
from tenants.models import AuditEntry
from tests.conftest import Company
from tests.segments.people import does, meet

CAMPAIGNS = "/api/v1/campaigns"
CART: dict[str, Any] = {
    "name": "Cart reminder",
    "trigger": {"on": "event", "event": "added_to_cart"},
    "message": {"template": "modal", "title": "Still thinking?", "body": "Your cart is kept."},
    "goal": {"event": "purchased", "within": "3d"},
}


class Api:
    def __init__(self, company: Company, client: Client) -> None:
        self.company, self.client = company, client

    def __call__(self, method: str, path: str, body: Any = None) -> HttpResponse:
        content = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        return self.client.generic(method, path, **content, **self.company.server_auth)


@pytest.fixture
def api(acme: Company, client: Client) -> Api:
    return Api(acme, client)


def decided(
    company: Company, *, campaign_id: UUID, person_id: UUID, arm: str, ago: timedelta, **values: Any
) -> Decision:
    at = datetime.now(UTC) - ago
    return Decision.objects.create(
        tenant_id=company.tenant.pk,
        person_id=person_id,
        decision_id=uuid4(),
        campaign_id=campaign_id,
        trigger_id=str(uuid4()),
        variant="a",
        arm=arm,
        propensity=0.5,
        policy_version="priority/1",
        device="d",
        decided_at=at,
        expires_at=at + timedelta(minutes=5),
        exposed_at=at,
        **values,
    )


def test_campaign__from_draft_to_end__takes_each_step_once_and_is_audited(api: Api, acme: Company) -> None:
    created = api("POST", CAMPAIGNS, CART)
    one = f"{CAMPAIGNS}/{created.json()['id']}"

    steps = [api("POST", f"{one}/{action}") for action in ("pause", "start", "start", "pause", "start", "end", "start")]
    changed = api("PATCH", one, {"priority": 80})
    deleted = api("DELETE", one)

    assert (created.status_code, created.json()["status"], created.json()["control_share"]) == (201, "draft", 0.1)
    assert [step.status_code for step in steps] == [409, 200, 409, 200, 200, 200, 409]
    assert [step.json().get("status") for step in steps if step.status_code == 200] == [
        "running",
        "paused",
        "running",
        "ended",
    ]
    assert (changed.status_code, changed.json()["code"]) == (409, "wrong_status")
    assert deleted.status_code == 409
    with acme.scope():
        actions = list(AuditEntry.objects.order_by("id").values_list("action", flat=True))
    assert actions == [f"campaign.{verb}" for verb in ("created", "started", "paused", "started", "ended")]


def test_campaign__changed__keeps_what_is_not_named(api: Api, acme: Company) -> None:
    with acme.scope():
        segment = edit_segment(
            name="Likers", description="", condition={"did": "liked"}, by={"actor": None, "address": None}
        )
    one = f"{CAMPAIGNS}/{api('POST', CAMPAIGNS, CART).json()['id']}"

    changes = {"audience": str(segment.pk), "starts_at": "2026-01-31T09:00:00+09:00", "control_share": 0.25}
    changed = api("PATCH", one, changes).json()
    cleared = api("PATCH", one, {"audience": None, "starts_at": None}).json()

    assert changed["audience"] == str(segment.pk)
    assert datetime.fromisoformat(changed["starts_at"]) == datetime(2026, 1, 31, tzinfo=UTC)
    assert changed["message"] == CART["message"]
    assert (cleared["audience"], cleared["starts_at"], cleared["control_share"]) == (None, None, 0.25)


@pytest.mark.parametrize(
    ("change", "field", "path"),
    [
        ({"name": ""}, "name", ""),
        ({"name": 7}, "name", ""),
        ({"status": "running"}, "status", ""),
        ({"colour": "red"}, "colour", ""),
        ({"priority": 101}, "priority", ""),
        ({"priority": "50"}, "priority", ""),
        ({"priority": True}, "priority", ""),
        ({"priority": 10**30}, "priority", ""),
        ({"control_share": "0.1"}, "control_share", ""),
        ({"control_share": 10**400}, "control_share", ""),
        ({"starts_at": "2026-01-31T09:00:00"}, "starts_at", ""),
        ({"starts_at": 0}, "starts_at", ""),
        ({"audience": "vip"}, "audience", ""),
        ({"audience": str(uuid4())}, "audience", ""),
        ({"trigger": None}, "trigger", ""),
        ({"trigger": {"on": "event", "event": "a", "where": [{"property": "p", "op": "~"}]}}, "trigger", "where[0].op"),
        ({"trigger": {"on": "segment_entry", "segment": str(uuid4())}}, "trigger", "segment"),
        ({"caps": [{"limit": 0, "window": "1d"}]}, "caps", "[0].limit"),
        ({"message": {"template": "modal", "title": "{{ x"}}, "message", "title"),
        ({"message": {"template": "modal", "title": "a", "buttons": [{"label": "b"}]}}, "message", "buttons[0].action"),
        ({"goal": {"event": "purchased", "within": "60d"}}, "goal", "within"),
    ],
)
def test_campaign__a_refused_value__names_field_and_path(
    api: Api, change: dict[str, Any], field: str, path: str
) -> None:
    one = f"{CAMPAIGNS}/{api('POST', CAMPAIGNS, CART).json()['id']}"

    for response in (api("POST", CAMPAIGNS, CART | {"name": "Other"} | change), api("PATCH", one, change)):
        assert response.status_code == 400, response.content
        assert [problem["path"] for problem in response.json()["fields"][field]] == [path]


def test_campaign__of_another_tenant__does_not_exist(api: Api, globex: Company, client: Client) -> None:
    theirs = Api(globex, client)("POST", CAMPAIGNS, CART).json()["id"]

    assert api("GET", CAMPAIGNS).json()["results"] == []
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/start"), ("GET", "/report")):
        assert api(method, f"{CAMPAIGNS}/{theirs}{path}", {}).status_code == 404


def test_campaign__an_unknown_action__is_404(api: Api) -> None:
    one = f"{CAMPAIGNS}/{api('POST', CAMPAIGNS, CART).json()['id']}"

    assert api("POST", f"{one}/explode").status_code == 404


def test_campaign__a_name_that_is_taken__is_refused_beside_it(api: Api) -> None:
    api("POST", CAMPAIGNS, CART)

    assert set(api("POST", CAMPAIGNS, CART).json()["fields"]) == {"name"}


def test_segment__that_a_campaign_uses__cannot_be_deleted(api: Api, acme: Company) -> None:
    by = {"actor": None, "address": None}
    with acme.scope():
        audience = edit_segment(name="Audience", description="", condition={"did": "a"}, by=by)
        trigger = edit_segment(name="Trigger", description="", condition={"did": "b"}, by=by)
    entering = {"on": "segment_entry", "segment": str(trigger.pk)}
    api("POST", CAMPAIGNS, CART | {"audience": str(audience.pk), "trigger": entering})

    for segment in (audience, trigger):
        response = api("DELETE", f"/api/v1/segments/{segment.pk}")
        assert (response.status_code, "Cart reminder" in response.json()["message"]) == (409, True)


def test_report__of_both_arms__counts_people_from_their_first_exposure(api: Api, acme: Company) -> None:
    campaign_id = UUID(api("POST", CAMPAIGNS, CART).json()["id"])
    with acme.scope():
        hour, day = timedelta(hours=1), timedelta(days=1)
        people = [meet(acme, f"p{n}") for n in range(5)]
        for person_id in people[:3]:
            decided(acme, campaign_id=campaign_id, person_id=person_id, arm="treatment", ago=day)
        decided(acme, campaign_id=campaign_id, person_id=people[0], arm="treatment", ago=hour)  # counts once
        for person_id in people[3:]:
            decided(acme, campaign_id=campaign_id, person_id=person_id, arm="control", ago=day)
        does(acme, people[0], "purchased", ago=hour)
        does(acme, people[1], "purchased", ago=day + hour)  # before the exposure
        does(acme, people[3], "purchased", ago=hour)

    body = api("GET", f"{CAMPAIGNS}/{campaign_id}/report").json()

    assert (body["treatment"]["exposed"], body["treatment"]["converted"]) == (3, 1)
    assert (body["control"]["exposed"], body["control"]["converted"]) == (2, 1)
    assert body["treatment"]["view_through"] == 1
    assert body["comparison"]["difference"] == pytest.approx(1 / 3 - 1 / 2)
    assert body["comparison"]["is_beyond_chance"] is False


def test_report__before_anybody__has_no_rates(api: Api) -> None:
    campaign_id = api("POST", CAMPAIGNS, CART).json()["id"]

    body = api("GET", f"{CAMPAIGNS}/{campaign_id}/report").json()

    assert body["comparison"]["difference"] is None
    assert body["comparison"]["difference_interval"] is None


def test_campaigns__a_draft__can_be_deleted(api: Api, acme: Company) -> None:
    campaign_id = api("POST", CAMPAIGNS, CART).json()["id"]

    assert api("DELETE", f"{CAMPAIGNS}/{campaign_id}").status_code == 204

    with acme.scope():
        assert not Campaign.objects.exists()
