"""The pages of campaigns and their results, as each role meets them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html import unescape
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from campaigns.definitions import FIELDS
from campaigns.editing import Action, change_status, edit_campaign
from campaigns.literals import read_value, show_value
from campaigns.models import Campaign
from segments.editing import edit_segment
from tenants.models import AuditEntry
from tests.campaigns.test_api_rest import CART, decided
from tests.conftest import Company
from tests.segments.people import does, meet

BY: Any = {"actor": None, "address": None}
FORM = {
    "name": "Cart reminder",
    "trigger_kind": "event",
    "trigger_events": "added_to_cart\r\nwished",
    "trigger_where-TOTAL_FORMS": "3",
    "trigger_where-INITIAL_FORMS": "0",
    "trigger_where-0-property": "price",
    "trigger_where-0-op": ">",
    "trigger_where-0-value": "20",
    "trigger_where-1-op": "=",
    "trigger_where-2-property": "colour",
    "trigger_where-2-op": "in",
    "trigger_where-2-value": "red, blue",
    "trigger_life_0": "2",
    "trigger_life_1": "m",
    "message_title": "Still thinking?",
    "message_body": "Your cart is kept.",
    "button_1_label": "To the cart",
    "button_1_url": "/cart",
    "button_2_label": "Later",
    "message_life_0": "5",
    "message_life_1": "m",
    "delay_ms": "0",
    "caps-TOTAL_FORMS": "2",
    "caps-INITIAL_FORMS": "0",
    "caps-0-limit": "1",
    "caps-0-window": "1d",
    "caps-1-window": "session",
    "priority": "70",
    "starts_at": "2026-01-31T09:00",
    "control_percent": "12.5",
    "goal_events": "purchased",
    "goal_where-TOTAL_FORMS": "1",
    "goal_where-INITIAL_FORMS": "0",
    "goal_within_0": "3",
    "goal_within_1": "d",
}


@pytest.fixture
def marketer(acme: Company, client: Client) -> Client:
    client.force_login(acme.users["marketer"])
    return client


@pytest.fixture
def campaign(acme: Company) -> Campaign:
    with acme.scope():
        return edit_campaign(changes=CART, by=BY)


def test_campaign__composed_by_a_marketer__is_saved_as_a_draft_and_audited(marketer: Client, acme: Company) -> None:
    with acme.scope():
        acme.tenant.time_zone = "Asia/Seoul"
        acme.tenant.save()

    response = marketer.post("/campaigns/new/", FORM)

    assert response.status_code == 302, unescape(response.content.decode())
    with acme.scope():
        saved = Campaign.objects.get()
        assert AuditEntry.objects.get().action == "campaign.created"
    assert saved.trigger == {
        "on": "event",
        "event": ["added_to_cart", "wished"],
        "where": [
            {"property": "price", "op": ">", "value": 20},
            {"property": "colour", "op": "in", "value": ["red", "blue"]},
        ],
    }
    assert saved.message["buttons"] == [
        {"label": "To the cart", "action": "link", "url": "/cart"},
        {"label": "Later", "action": "dismiss"},
    ]
    assert (saved.caps, saved.goal) == ([{"limit": 1, "window": "1d"}], {"event": "purchased", "within": "3d"})
    assert (saved.status, saved.trigger_life_seconds, saved.control_share) == ("draft", 120, 0.125)
    assert saved.starts_at == datetime(2026, 1, 31, tzinfo=UTC)


class FormReader(HTMLParser):
    """What a browser would send back of a form, untouched."""

    def __init__(self, form: str = "composer") -> None:
        super().__init__()
        self.form = form
        self.values: dict[str, str] = {}
        self.inside = False
        self.open: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.inside = given.get("id") == self.form
        elif not self.inside:
            return
        elif tag == "input" and given.get("name"):
            self.values[given["name"]] = given.get("value", "")
        elif tag in ("textarea", "select"):
            self.open = given["name"]
            self.values[self.open] = ""
        elif tag == "option" and self.open and ("selected" in given or not self.values[self.open]):
            self.values[self.open] = given["value"]

    def handle_endtag(self, tag: str) -> None:
        if tag in ("textarea", "select"):
            self.open = None

    def handle_data(self, data: str) -> None:
        if self.open and self.get_starttag_text().startswith("<textarea"):  # type: ignore[union-attr]
            self.values[self.open] += data.removeprefix("\n") if not self.values[self.open] else data


def test_composer__any_campaign__comes_back_as_it_was(marketer: Client, acme: Company) -> None:
    with acme.scope():
        segment = edit_segment(name="Likers", description="", condition={"did": "liked"}, by=BY)
        changes = CART | {
            "trigger": {
                "on": "event",
                "event": ["a", "b"],
                "where": [
                    {"property": "x", "op": "in", "value": ["10", 10, "a, b", "red"]},
                    {"property": "y", "op": "=", "value": "true"},
                    {"property": "z", "op": "not_exists"},
                    {"property": "t", "op": "between", "value": ["2026-01-01", "2026-02-01"]},
                    {"property": "s", "op": "=", "value": ' "quoted" '},
                ],
            },
            "caps": [{"limit": 2, "window": "90m"}, {"limit": 9, "window": "lifetime"}],
            "message": CART["message"] | {"buttons": [{"label": "Go", "action": "link", "url": "/x?a=1"}]},
            "goal": {"event": "purchased", "where": [{"property": "p", "op": ">=", "value": 1.5}], "within": "36h"},
            "audience": str(segment.pk),
            "trigger_life_seconds": 90,
            "message_life_seconds": 7200,
            "control_share": 0.07,
            "starts_at": datetime(2026, 1, 31, 9, tzinfo=UTC),
            "ends_at": datetime(2026, 2, 1, 9, tzinfo=UTC),
        }
        campaign = edit_campaign(changes=changes, by=BY)
    before = {name: getattr(campaign, name) for name in FIELDS}
    reader = FormReader()
    reader.feed(marketer.get(f"/campaigns/{campaign.pk}/edit/").content.decode())

    response = marketer.post(f"/campaigns/{campaign.pk}/edit/", reader.values)

    assert response.status_code == 302, unescape(response.content.decode())
    with acme.scope():
        again = Campaign.objects.get()
        assert {name: getattr(again, name) for name in FIELDS} == before
        assert AuditEntry.objects.filter(action="campaign.changed").count() == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": ""}, "This field is required"),
        ({"trigger_events": ""}, "Name the event"),
        ({"trigger_kind": "segment_entry"}, "Choose the segment"),
        ({"trigger_where-0-value": "red"}, "number, or a time"),
        ({"trigger_where-2-property": ""}, "Name a property"),
        ({"message_title": "{{ traits.x"}, "expected"),
        ({"message_title": "", "message_body": ""}, "Give a title or a body"),
        ({"button_1_label": ""}, "Give the button a label"),
        ({"button_1_url": "javascript:alert(1)"}, "An address is relative"),
        ({"button_1_label": "", "button_1_url": "", "button_2_url": "ftp://x"}, "An address is relative"),
        ({"caps-0-limit": "0"}, "greater than or equal to 1"),
        ({"goal_within_0": "31"}, "up to 30d"),
        ({"goal_events": ""}, "required"),
        ({"control_percent": "91"}, "less than or equal to 90"),
        ({"starts_at": "2026-02-02T09:00", "ends_at": "2026-02-01T09:00"}, "later than the start"),
        ({"trigger_life_0": "0"}, "whole number from 1"),
        ({"delay_ms": "400000"}, "shorter than the message"),
        ({"name": "a\x00b"}, "Null characters"),
    ],
)
def test_campaign__refused__keeps_what_was_typed_and_says_why(
    marketer: Client, acme: Company, change: dict[str, str], words: str
) -> None:
    response = marketer.post("/campaigns/new/", FORM | {"button_2_url": "", "goal_events": "my & goal"} | change)

    page = unescape(response.content.decode())
    assert response.status_code == 422
    assert words in page
    assert "my & goal" in page or "goal_events" in change
    with acme.scope():
        assert not Campaign.objects.exists()


def test_campaign__one_more_row__keeps_everything_and_saves_nothing(marketer: Client, acme: Company) -> None:
    page = marketer.post("/campaigns/new/", FORM | {"more": "caps", "name": ""}).content.decode()

    assert 'name="caps-2-limit"' in page
    assert "Still thinking?" in page
    assert "It is not saved yet" not in page
    with acme.scope():
        assert not Campaign.objects.exists()


def test_campaign__edited_while_another_has_its_name__says_so(
    marketer: Client, acme: Company, campaign: Campaign
) -> None:
    response = marketer.post("/campaigns/new/", FORM)

    assert "Another campaign has this name" in response.content.decode()


def test_campaign__started_paused_and_ended__by_its_buttons(
    marketer: Client, acme: Company, campaign: Campaign
) -> None:
    one = f"/campaigns/{campaign.pk}/"

    states = []
    for action in ("start", "pause", "start", "end", "start"):
        marketer.post(f"{one}{action}/")
        with acme.scope():
            states.append(Campaign.objects.get().status)
    page = marketer.get(one).content.decode()

    assert states == ["running", "paused", "running", "ended", "ended"]
    assert "This is not possible now" in page
    assert "/edit/" not in page
    assert marketer.post(f"{one}explode/").status_code == 404
    assert marketer.get(f"{one}start/").status_code == 405


def test_campaign__a_draft__is_deleted_after_asking_and_nothing_else_is(
    marketer: Client, acme: Company, campaign: Campaign
) -> None:
    with acme.scope():
        change_status(campaign=campaign, action=Action.START, by=BY)
    assert "Only a draft" in marketer.post(f"/campaigns/{campaign.pk}/delete/").content.decode()

    with acme.scope():
        Campaign.objects.update(status="draft")
    assert marketer.post(f"/campaigns/{campaign.pk}/delete/").status_code == 302
    with acme.scope():
        assert not Campaign.objects.exists()


@pytest.mark.parametrize("role", ["analyst", "developer"])
def test_campaign_pages__for_those_who_only_look__show_all_and_change_nothing(
    client: Client, acme: Company, campaign: Campaign, role: str
) -> None:
    client.force_login(acme.users[role])
    one = f"/campaigns/{campaign.pk}/"

    for path in ("/campaigns/", one, "/results/", f"/results/{campaign.pk}/"):
        response = client.get(path)
        assert response.status_code == 200
        assert "Start campaign" not in response.content.decode()
    for path in ("/campaigns/new/", f"{one}edit/", f"{one}delete/", f"{one}start/"):
        assert client.post(path, FORM).status_code == 403
    with acme.scope():
        assert Campaign.objects.get().status == "draft"


def test_campaign_pages__for_strangers__do_not_exist(client: Client, globex: Company, campaign: Campaign) -> None:
    client.force_login(globex.users["owner"])
    one = f"/campaigns/{campaign.pk}/"

    for path in (one, f"{one}edit/", f"{one}delete/", f"/results/{campaign.pk}/"):
        assert client.get(path).status_code == 404
    assert client.post(f"{one}start/").status_code == 404


def test_preview__as_one_types__fills_in_and_escapes(marketer: Client) -> None:
    typed = {
        "message_title": "Hi {{ traits.name | default: 'you' }}",
        "message_body": "<b>{% if",
        "button_1_label": "Go",
    }

    page = marketer.post("/campaigns/preview/", typed).content.decode()

    assert "Hi you" in page
    assert "&lt;b&gt;" in page
    assert "text-danger" in page


def test_report__of_both_arms__says_in_words_what_is_known(marketer: Client, acme: Company, campaign: Campaign) -> None:
    address = f"/results/{campaign.pk}/"
    assert "Nobody has come to the moment yet" in marketer.get(address).content.decode()
    with acme.scope():
        for n in range(40):
            person_id = meet(acme, f"p{n}")
            arm = "control" if n % 2 else "treatment"
            decided(acme, campaign_id=campaign.pk, person_id=person_id, arm=arm, ago=timedelta(days=1))
            if n in (0, 2, 4, 1):
                does(acme, person_id, "purchased", ago=timedelta(hours=1))

    page = marketer.get(address).content.decode()

    assert "Of 100 people, 10.0 more reached the goal than in the control group" in page
    assert "still contains zero: too early to tell" in page
    assert page.count('class="interval"') == 3


def test_report__a_clear_difference__says_whether_it_helps(marketer: Client, acme: Company, campaign: Campaign) -> None:
    with acme.scope():
        for n in range(60):
            person_id = meet(acme, f"p{n}")
            arm = "control" if n % 2 else "treatment"
            decided(acme, campaign_id=campaign.pk, person_id=person_id, arm=arm, ago=timedelta(days=1))
            if n % 2:
                does(acme, person_id, "purchased", ago=timedelta(hours=1))

    page = marketer.get(f"/results/{campaign.pk}/").content.decode()

    assert "Of 100 people, 100.0 fewer reached the goal" in page
    assert "does not contain zero: the message does harm" in page


def test_report__without_a_control__does_not_claim_anything(
    marketer: Client, acme: Company, campaign: Campaign
) -> None:
    with acme.scope():
        decided(acme, campaign_id=campaign.pk, person_id=meet(acme, "p"), arm="treatment", ago=timedelta(days=1))

    assert "nobody in the control group" in marketer.get(f"/results/{campaign.pk}/").content.decode()


@pytest.mark.parametrize("op", ["=", "in"])
@pytest.mark.parametrize("value", ["red", "10", 10, 1.5, True, "true", "a, b", " x ", '"', "", "[1]", "null", "{}"])
def test_literal__shown_and_read_again__is_the_same(value: Any, op: str) -> None:
    literal = [value, "z"] if op == "in" else value

    assert read_value(show_value(literal), op=op) == literal
    assert type(read_value(show_value(value), op="=")) is type(value)


def test_person__with_decisions__shows_them(marketer: Client, acme: Company, campaign: Campaign) -> None:
    with acme.scope():
        ann: UUID = meet(acme, "ann")
        decided(acme, campaign_id=campaign.pk, person_id=ann, arm="control", ago=timedelta(days=1))

    page = marketer.get(f"/people/{ann}/").content.decode()

    assert "Cart reminder" in page
    assert "control group: counted, not shown" in page
