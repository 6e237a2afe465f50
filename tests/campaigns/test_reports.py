"""POST /v1/reports: the life of a decision, idempotence, refusals, forgeries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core import signing
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.handles import Handle, HandleError, seal, unseal
from campaigns.models import Campaign, Decision
from events.merging import merge_people
from events.person_rules import registered_rules
from tests.campaigns.cast import Device, age_ledger, make_campaign, set_policy
from tests.conftest import Company

ACCEPTED = {"accepted": True}


@pytest.fixture
def device(acme: Company) -> Device:
    set_policy(acme)
    make_campaign(acme)
    device = Device(acme)
    device.track("added_to_cart")
    return device


@pytest.fixture
def decision(device: Device) -> dict[str, Any]:
    decision = device.decide()
    assert decision is not None
    return decision


def in_control(acme: Company) -> tuple[Device, dict[str, Any]]:
    """Somebody whom chance put into the control arm."""
    set_policy(acme)
    make_campaign(acme, control_share=0.9)
    while True:
        device = Device(acme)
        device.track("added_to_cart")
        decision = device.decide()
        assert decision is not None
        if decision["arm"] == "control":
            return device, decision


def row(device: Device) -> Decision:
    with device.company.scope():
        return device.rows()[-1]


def test_reports__whole_life__is_recorded_in_order(device: Device, decision: dict[str, Any]) -> None:
    of = {"decision_id": decision["decision_id"], "exposure_id": "e1"}

    results = device.report_all(
        {**of, "type": "exposed"},
        {**of, "type": "rendered"},
        {**of, "type": "clicked", "button": 1},
        {**of, "type": "dismissed"},
    )

    assert results == [ACCEPTED] * 4
    seen = row(device)
    assert seen.exposure_id == "e1"
    assert seen.exposed_at is not None
    assert seen.rendered_at is not None
    assert seen.clicked_at is not None
    assert seen.clicked_button == 1
    assert seen.dismissed_at is not None
    assert seen.released_at is None


def test_reports__every_one_twice__changes_nothing(device: Device, decision: dict[str, Any]) -> None:
    for kind in ("exposed", "rendered", "clicked", "dismissed"):
        assert device.report(decision, kind) == ACCEPTED
    before = row(device)

    for kind in ("exposed", "rendered", "clicked", "dismissed"):
        assert device.report(decision, kind, button=1) == ACCEPTED

    assert {f.name: getattr(row(device), f.name) for f in Decision._meta.fields} == {
        f.name: getattr(before, f.name) for f in Decision._meta.fields
    }


def test_exposed__retry_after_expiry__is_still_accepted(device: Device, decision: dict[str, Any]) -> None:
    assert device.report(decision, "exposed") == ACCEPTED
    age_ledger(device.company, hours=1)

    assert device.report(decision, "exposed") == ACCEPTED


def test_exposed__another_exposure__is_refused(device: Device, decision: dict[str, Any]) -> None:
    assert device.report(decision, "exposed", exposure_id="e1") == ACCEPTED

    assert device.report(decision, "exposed", exposure_id="e2")["code"] == "already_exposed"


def test_exposed__after_expiry__is_refused(device: Device, decision: dict[str, Any]) -> None:
    age_ledger(device.company, seconds=300)

    assert device.report(decision, "exposed")["code"] == "expired"
    assert row(device).exposed_at is None


def test_exposed__after_release__is_refused(device: Device, decision: dict[str, Any]) -> None:
    assert device.report(decision, "released") == ACCEPTED
    assert device.report(decision, "released") == ACCEPTED

    assert device.report(decision, "exposed")["code"] == "released"


@pytest.mark.parametrize("change", [{"status": "paused"}, {"ends_at": datetime(2020, 1, 1, tzinfo=UTC)}])
def test_exposed__campaign_stopped__is_refused_at_once(
    device: Device, decision: dict[str, Any], change: dict[str, Any]
) -> None:
    with device.company.scope():
        Campaign.objects.update(**change)

    assert device.report(decision, "exposed")["code"] == "campaign_stopped"


def test_released__after_exposure__is_refused(device: Device, decision: dict[str, Any]) -> None:
    assert device.report(decision, "exposed") == ACCEPTED

    assert device.report(decision, "released")["code"] == "already_exposed"


def test_released__without_exposure_id__is_accepted(device: Device, decision: dict[str, Any]) -> None:
    assert device.report_all({"decision_id": decision["decision_id"], "type": "released"}) == [ACCEPTED]


@pytest.mark.parametrize("kind", ["rendered", "clicked", "dismissed"])
def test_following_report__without_its_exposure__is_refused(
    device: Device, decision: dict[str, Any], kind: str
) -> None:
    assert device.report(decision, kind)["code"] == "not_exposed"

    assert device.report(decision, "exposed", exposure_id="e1") == ACCEPTED

    assert device.report(decision, kind, exposure_id="e2")["code"] == "not_exposed"
    assert device.report(decision, kind, exposure_id="e1") == ACCEPTED


@pytest.mark.parametrize("kind", ["rendered", "clicked", "dismissed"])
def test_following_report__of_control__is_refused(acme: Company, kind: str) -> None:
    device, decision = in_control(acme)
    assert device.report(decision, "exposed") == ACCEPTED

    assert device.report(decision, kind)["code"] == "control"


def test_following_report__time_of_the_app__is_kept_within_reason(device: Device, decision: dict[str, Any]) -> None:
    assert device.report(decision, "exposed") == ACCEPTED
    exposed_at = row(device).exposed_at
    assert exposed_at is not None

    device.report(decision, "rendered", occurred_at="1999-01-01T00:00:00Z")
    device.report(decision, "clicked", occurred_at="2999-01-01T00:00:00Z")

    seen = row(device)
    assert seen.rendered_at == exposed_at
    assert seen.clicked_at is not None
    assert exposed_at < seen.clicked_at <= datetime.now(UTC) + timedelta(seconds=5)


def test_clicked__whose_rendered_was_lost__counts_as_rendered(device: Device, decision: dict[str, Any]) -> None:
    device.report(decision, "exposed")

    assert device.report(decision, "clicked", button=0) == ACCEPTED

    assert row(device).rendered_at is not None


def test_reports__after_a_merge__find_the_person(device: Device, decision: dict[str, Any]) -> None:
    device.user_id = "u1"
    device.identify()

    assert device.report(decision, "exposed") == ACCEPTED
    assert device.report(decision, "rendered") == ACCEPTED
    assert row(device).rendered_at is not None


def test_reports__after_erasure__are_refused(device: Device, decision: dict[str, Any]) -> None:
    with device.company.scope():
        for rules in registered_rules().values():
            rules.erase(tenant_id=device.company.tenant.pk, person_ids=[device.person_id])
        assert not Decision.objects.exists()

    assert device.report(decision, "exposed")["code"] == "invalid_decision"


def test_reports__mixed__answers_each_in_its_place(device: Device, decision: dict[str, Any]) -> None:
    good = {"decision_id": decision["decision_id"], "exposure_id": "e1"}

    results = device.report_all(
        {**good, "type": "rendered"}, {**good, "type": "nonsense"}, {"type": "exposed"}, {**good, "type": "exposed"},
        {**good, "type": "exposed", "decision_id": "forged"}, {**good, "type": "rendered", "button": "x"},
        {**good, "type": "rendered"},
    )  # fmt: skip

    codes = [result.get("code") for result in results]
    assert codes == [
        "not_exposed", "invalid_report", "invalid_report", None, "invalid_decision", "invalid_report", None,
    ]  # fmt: skip


# --- forgeries ---------------------------------------------------------------------------------------------


def forgeries(decision_id: str) -> list[str]:
    value, _, signature = decision_id.rpartition(":")
    handle = unseal(decision_id)
    return [
        "",
        "x",
        value,
        f"{value}:",
        f"{value}:{signature[::-1]}",
        f"{value[:-2]}AA:{signature}",
        signing.Signer(key="another key", salt="campaigns.decision").sign_object(["x"] * 8),
        signing.Signer(salt="another salt").sign_object([handle.decision_id.hex] * 8),
        "é" * 10,
        decision_id + "x",
        "a" * 100_000,
    ]


def test_forgeries__none__is_believed(device: Device, decision: dict[str, Any]) -> None:
    for forged in forgeries(decision["decision_id"]):
        (result,) = device.report_all({"decision_id": forged, "type": "exposed", "exposure_id": "e"})

        assert result["code"] == "invalid_decision", forged[:80]
    assert row(device).exposed_at is None


def test_forgeries__genuine_handle_for_no_row__is_refused(device: Device, decision: dict[str, Any]) -> None:
    """Planted bug: accepting a report that is signed though the ledger has no such decision (seen to fail)."""
    genuine = unseal(decision["decision_id"])
    for changed in ({"decision_id": uuid4()}, {"person_id": uuid4()}, {"tenant_id": uuid4()}):
        handle = Handle(**{**genuine.__dict__, **changed})

        (result,) = device.report_all({"decision_id": seal(handle), "type": "exposed", "exposure_id": "e"})

        assert result["code"] == "invalid_decision"


def test_isolation__globex_reports_acmes_decision__is_refused(
    device: Device, decision: dict[str, Any], globex: Company
) -> None:
    stranger = Device(globex)

    assert stranger.report(decision, "exposed")["code"] == "invalid_decision"
    assert row(device).exposed_at is None


@settings(max_examples=200)
@given(st.text(max_size=200))
def test_unseal__any_text__is_a_handle_or_its_error(text: str) -> None:
    with pytest.raises(HandleError):
        unseal(text)


def test_seal__any_handle__comes_back() -> None:
    handle = Handle(
        decision_id=uuid4(),
        tenant_id=uuid4(),
        person_id=uuid4(),
        campaign_id=uuid4(),
        variant="a",
        arm="control",
        propensity=0.1,
        expires_at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    )

    assert unseal(seal(handle)) == handle


HOSTILE: list[Any] = [
    {}, {"reports": None}, {"reports": []}, {"reports": "x"}, {"reports": {}}, {"reports": [{}] * 101}, [], None, 5,
]  # fmt: skip


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_body__is_400_in_the_one_shape(acme: Company, body: Any) -> None:
    response = Client().post("/v1/reports", body, content_type="application/json", **acme.write_auth)

    assert response.status_code == 400
    assert {"code", "message"} <= response.json().keys()


ITEMS: list[Any] = [
    None, 1, "x", [], {"decision_id": 1, "type": "exposed", "exposure_id": "e"},
    {"decision_id": "d", "type": [], "exposure_id": "e"}, {"decision_id": "d", "type": {}, "exposure_id": "e"},
    {"decision_id": "d", "type": "exposed"}, {"decision_id": "d", "type": "exposed", "exposure_id": ""},
    {"decision_id": "d", "type": "exposed", "exposure_id": "e" * 300},
    {"decision_id": "d", "type": "clicked", "exposure_id": "e", "button": True},
    {"decision_id": "d", "type": "clicked", "exposure_id": "e", "button": 10**30},
]  # fmt: skip


@pytest.mark.parametrize("item", ITEMS, ids=range(len(ITEMS)))
def test_hostile_report__is_refused_alone(device: Device, item: Any) -> None:
    assert device.report_all(item)[0]["code"] == "invalid_report"


@pytest.mark.parametrize("when", [5, "x", [], {}, "9999-99-99", "0001-01-01T00:00:00+23:59", 10**17, -(10**20), None])
def test_hostile_time__is_left_out(device: Device, decision: dict[str, Any], when: Any) -> None:
    device.report(decision, "exposed")

    assert device.report(decision, "rendered", occurred_at=when) == ACCEPTED


# --- merging ------------------------------------------------------------------------------------------------


def test_merge__same_entry_into_a_segment_in_both_ledgers__keeps_both(acme: Company) -> None:
    set_policy(acme)
    campaign = make_campaign(acme)
    devices = [Device(acme), Device(acme), Device(acme)]
    for device in devices:
        device.track("added_to_cart")
        device.see()
    with acme.scope():
        Decision.objects.update(trigger_id=f"{campaign.pk}:2026-01-01T00:00:00+00:00")

        merge_people(
            tenant_id=acme.tenant.pk,
            merges={device.person_id.bytes: (devices[2].person_id.bytes, uuid4().bytes) for device in devices[:2]},
            merged_at=datetime.now(UTC),
        )

        rows = devices[2].rows()
        assert len(rows) == 3
        assert len({row.trigger_id for row in rows}) == 3
        assert f"{campaign.pk}:2026-01-01T00:00:00+00:00" in {row.trigger_id for row in rows}
