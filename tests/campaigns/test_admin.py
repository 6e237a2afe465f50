"""Campaigns in the admin."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from campaigns.editing import edit_campaign
from campaigns.models import Campaign
from segments.editing import edit_segment
from tenants.models import AuditEntry
from tests.campaigns.test_api_rest import CART
from tests.conftest import Company
from tests.segments.test_admin import staff

BY: Any = {"actor": None, "address": None}
ADMIN = "/admin/campaigns/campaign/"
FORM = {
    "name": "Cart reminder",
    "trigger": json.dumps(CART["trigger"]),
    "trigger_life_seconds": "60",
    "priority": "50",
    "caps": "",
    "message": json.dumps(CART["message"]),
    "message_life_seconds": "300",
    "delay_ms": "0",
    "control_share": "0.1",
    "goal": json.dumps(CART["goal"]),
}


@pytest.fixture
def editor(acme: Company, client: Client) -> Client:
    return staff(acme, client)


def test_campaign__added_and_changed__has_one_audit_entry_each(editor: Client, acme: Company) -> None:
    added = editor.post(f"{ADMIN}add/", FORM)
    with acme.scope():
        campaign = Campaign.objects.get()
    changed = editor.post(f"{ADMIN}{campaign.pk}/change/", FORM | {"caps": '[{"limit": 1, "window": "1d"}]'})

    assert (added.status_code, changed.status_code) == (302, 302)
    with acme.scope():
        campaign.refresh_from_db()
        assert (campaign.tenant_id, campaign.status) == (acme.tenant.pk, "draft")
        assert campaign.caps == [{"limit": 1, "window": "1d"}]
        actions = list(AuditEntry.objects.order_by("id").values_list("action", flat=True))
    assert actions == ["campaign.created", "campaign.changed"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"trigger": "{"}, "This is not JSON"),
        ({"message": '{"template": "modal", "title": "{{ x"}'}, "message.title: "),
        ({"goal": '{"event": "purchased", "within": "60d"}'}, "goal.within: Give a duration"),
        ({"caps": '[{"limit": 0, "window": "1d"}]'}, "caps[0].limit: Give a whole number"),
        ({"priority": "101"}, "less than or equal to 100"),
        ({"delay_ms": "400000"}, "shorter than the message"),
    ],
)
def test_campaign__refused__says_why_with_the_path(
    editor: Client, acme: Company, change: dict[str, str], words: str
) -> None:
    response = editor.post(f"{ADMIN}add/", FORM | change)

    assert response.status_code == 200
    assert words in response.content.decode().replace("&#x27;", "'")
    with acme.scope():
        assert not Campaign.objects.exists()


def test_campaign__its_audience__is_one_of_the_own_segments(editor: Client, acme: Company, globex: Company) -> None:
    with globex.scope():
        theirs = edit_segment(name="Theirs", description="", condition={"did": "a"}, by=BY)
    with acme.scope():
        edit_segment(name="Ours", description="", condition={"did": "a"}, by=BY)

    page = editor.get(f"{ADMIN}add/").content.decode()

    assert ("Ours" in page, "Theirs" in page) == (True, False)
    assert editor.post(f"{ADMIN}add/", FORM | {"audience": str(theirs.pk)}).status_code == 200
    with acme.scope():
        assert not Campaign.objects.exists()


def test_campaign__started_and_ended_by_actions__then_stands_as_it_is(editor: Client, acme: Company) -> None:
    with acme.scope():
        campaign = edit_campaign(changes=CART, by=BY)

    for action in ("start", "end", "start", "delete_selected"):
        editor.post(ADMIN, {"action": action, "_selected_action": [str(campaign.pk)], "post": "yes"})
    changed = editor.post(f"{ADMIN}{campaign.pk}/change/", FORM | {"priority": "99"})

    assert changed.status_code == 200
    with acme.scope():
        campaign.refresh_from_db()
        assert (campaign.status, campaign.priority) == ("ended", 50)


def test_campaign__a_draft__can_be_deleted(editor: Client, acme: Company) -> None:
    with acme.scope():
        campaign = edit_campaign(changes=CART, by=BY)

    editor.post(f"{ADMIN}{campaign.pk}/delete/", {"post": "yes"})

    with acme.scope():
        assert not Campaign.objects.exists()
        assert AuditEntry.objects.filter(action="campaign.deleted").count() == 1


def test_campaign__for_an_analyst__can_be_seen_not_changed(acme: Company, client: Client) -> None:
    with acme.scope():
        campaign = edit_campaign(changes=CART, by=BY)
    staff(acme, client, "analyst")

    assert client.get(f"{ADMIN}{campaign.pk}/change/").status_code == 200
    assert client.post(f"{ADMIN}{campaign.pk}/change/", FORM).status_code == 403
    client.post(ADMIN, {"action": "start", "_selected_action": [str(campaign.pk)]})
    with acme.scope():
        assert Campaign.objects.get().status == "draft"
