"""Saving campaigns: every mistake is named with its path; nothing unknown passes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from campaigns.definitions import (
    save_campaign,
    save_policy,
    validate_caps,
    validate_goal,
    validate_message,
    validate_trigger,
)
from campaigns.models import Campaign, MessagePolicy
from campaigns.parsing import CampaignError
from tests.campaigns.cast import MESSAGE, make_campaign, make_segment
from tests.conftest import Company

BUTTON = {"label": "Go", "action": "link", "url": "/sale"}


def message(**fields: Any) -> dict[str, Any]:
    return {"template": "modal", "title": "Hi", "body": "There"} | fields


MESSAGES: list[tuple[Any, str | None]] = [
    (message(), None),
    (message(title="", body="x"), None),
    (message(image_url="https://cdn.example/{{ traits.picture }}.png", buttons=[BUTTON, BUTTON]), None),
    (message(image_url=None, buttons=[{"label": "No", "action": "dismiss", "url": None}]), None),
    (None, "message"),
    ([], "message"),
    (message(template="banner"), "message.template"),
    (message(colour="red"), "message.colour"),
    (message(title=5), "message.title"),
    (message(title="", body=" "), "message.title"),
    (message(title="{{ name }}"), "message.title"),
    (message(body="{% if x %}"), "message.body"),
    (message(body="{% include 'x' %}"), "message.body"),
    (message(body="a\x00b"), ""),
    (message(body="a\ud800b"), ""),
    (message(image_url="javascript:alert(1)"), "message.image_url"),
    (message(image_url="mailto:a@b.example"), "message.image_url"),
    (message(buttons=[BUTTON] * 3), "message.buttons"),
    (message(buttons={}), "message.buttons"),
    (message(buttons=["x"]), "message.buttons[0]"),
    (message(buttons=[BUTTON, {"label": "Go", "action": "link"}]), "message.buttons[1].url"),
    (message(buttons=[BUTTON | {"url": "javascript:alert(1)"}]), "message.buttons[0].url"),
    (message(buttons=[BUTTON | {"action": "explode"}]), "message.buttons[0].action"),
    (message(buttons=[BUTTON | {"action": "dismiss"}]), "message.buttons[0].url"),
    (message(buttons=[BUTTON | {"label": " "}]), "message.buttons[0].label"),
    (message(buttons=[BUTTON | {"colour": "red"}]), "message.buttons[0].colour"),
]
CAPS: list[tuple[Any, str | None]] = [
    ([], None),
    ([{"limit": 1, "window": w} for w in ("session", "1h", "1d", "7d", "30m", "lifetime")], None),
    (None, "caps"),
    ({}, "caps"),
    ([{"limit": 1, "window": "1d"}] * 11, "caps"),
    (["x"], "caps[0]"),
    ([{"limit": 1}], "caps[0].window"),
    ([{"limit": 1, "window": "1d"}, {"limit": 0, "window": "1d"}], "caps[1].limit"),
    ([{"limit": True, "window": "1d"}], "caps[0].limit"),
    ([{"limit": 1.5, "window": "1d"}], "caps[0].limit"),
    ([{"limit": 1, "window": "0d"}], "caps[0].window"),
    ([{"limit": 1, "window": "400d"}], "caps[0].window"),
    ([{"limit": 1, "window": []}], "caps[0].window"),
    ([{"limit": 1, "window": "1d", "x": 1}], "caps[0].x"),
]
WHERE = [{"property": "price", "op": ">", "value": 10}]
TRIGGERS: list[tuple[Any, str | None]] = [
    ({"on": "event", "event": "a"}, None),
    ({"on": "event", "event": ["a", "b"], "where": WHERE}, None),
    ({"on": "app_open"}, None),
    (None, "trigger"),
    ({}, "trigger.on"),
    ({"on": []}, "trigger.on"),
    ({"on": "page"}, "trigger.on"),
    ({"on": "event"}, "trigger.event"),
    ({"on": "event", "event": []}, "trigger.event"),
    ({"on": "event", "event": "a", "where": [{"property": "x", "op": "~", "value": 1}]}, "trigger.where[0].op"),
    ({"on": "event", "event": "a", "segment": "x"}, "trigger.segment"),
    ({"on": "app_open", "event": "a"}, "trigger.event"),
    ({"on": "segment_entry"}, "trigger.segment"),
    ({"on": "segment_entry", "segment": "x"}, "trigger.segment"),
    ({"on": "segment_entry", "segment": str(uuid4())}, "trigger.segment"),
]
GOALS: list[tuple[Any, str | None]] = [
    ({"event": "purchased", "within": "3d"}, None),
    ({"event": ["a", "b"], "where": WHERE, "within": "30d"}, None),
    (None, "goal"),
    ({"event": "a"}, "goal.within"),
    ({"event": "a", "within": "31d"}, "goal.within"),
    ({"event": "a", "within": "0d"}, "goal.within"),
    ({"within": "3d"}, "goal.event"),
    ({"event": "a", "within": "3d", "x": 1}, "goal.x"),
    ({"event": "a", "within": "3d", "where": {}}, "goal.where"),
]


def check(problems: list[Any], path: str | None) -> None:
    assert [problem.path for problem in problems] == ([] if path is None else [path])
    assert all(problem.message for problem in problems)


@pytest.mark.parametrize(("document", "path"), MESSAGES, ids=range(len(MESSAGES)))
def test_message__checked__names_the_problem(document: Any, path: str | None) -> None:
    check(validate_message(document), path)


@pytest.mark.parametrize(("document", "path"), CAPS, ids=range(len(CAPS)))
def test_caps__checked__name_the_problem(document: Any, path: str | None) -> None:
    check(validate_caps(document), path)


@pytest.mark.parametrize(("document", "path"), GOALS, ids=range(len(GOALS)))
def test_goal__checked__names_the_problem(document: Any, path: str | None) -> None:
    check(validate_goal(document), path)


@pytest.mark.parametrize(("document", "path"), TRIGGERS, ids=range(len(TRIGGERS)))
def test_trigger__checked__names_the_problem(scoped: Company, document: Any, path: str | None) -> None:
    check(validate_trigger(document), path)


def test_trigger__segment_of_another_tenant__is_unknown(scoped: Company, globex: Company) -> None:
    foreign = make_segment(globex, {"did": "liked"})

    check(validate_trigger({"on": "segment_entry", "segment": str(foreign.pk)}), "trigger.segment")


def test_save__several_mistakes__names_all(scoped: Company) -> None:
    now = datetime.now(UTC)
    changes = {
        "name": "", "status": "flying", "trigger": {"on": "x"}, "priority": 0, "caps": "x", "message": {},
        "control_share": 2, "goal": 1, "starts_at": now, "ends_at": now, "delay_ms": -1, "trigger_life_seconds": "60",
        "message_life_seconds": 10**9, "audience": "x", "colour": "red",
    }  # fmt: skip

    with pytest.raises(CampaignError) as caught:
        save_campaign(changes=changes)

    paths = {problem.path for problem in caught.value.problems}
    assert paths >= {
        "name", "status", "trigger.on", "priority", "caps", "message.template", "control_share", "goal", "ends_at",
        "delay_ms", "trigger_life_seconds", "message_life_seconds", "audience", "colour",
    }  # fmt: skip
    assert not Campaign.objects.exists()


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\x00b", "a\nb", "\ud800", None, 5])
def test_save__impossible_name__is_refused(scoped: Company, name: Any) -> None:
    with pytest.raises(CampaignError, match="name"):
        make_campaign(scoped, name=name)


def test_save__name_of_another__is_refused(scoped: Company, globex: Company) -> None:
    make_campaign(globex, name="Winter")
    make_campaign(scoped, name="Winter")

    with pytest.raises(CampaignError, match="Another campaign"):
        make_campaign(scoped, name="Winter")


def test_save__change__keeps_what_is_not_named(scoped: Company) -> None:
    segment = make_segment(scoped, {"did": "liked"})
    campaign = make_campaign(scoped, priority=70, audience=str(segment.pk))

    save_campaign(campaign=campaign, changes={"status": "paused"})

    campaign.refresh_from_db()
    assert (campaign.status, campaign.priority, campaign.audience_id) == ("paused", 70, segment.pk)
    assert campaign.message == MESSAGE

    save_campaign(campaign=campaign, changes={"audience": None})

    campaign.refresh_from_db()
    assert campaign.audience_id is None


def test_save__audience_of_another_tenant__is_unknown(scoped: Company, globex: Company) -> None:
    foreign = make_segment(globex, {"did": "liked"})

    with pytest.raises(CampaignError, match="no such segment"):
        make_campaign(scoped, audience=foreign)


def test_save__delay_beyond_the_messages_life__is_refused(scoped: Company) -> None:
    with pytest.raises(CampaignError, match="delay"):
        make_campaign(scoped, delay_ms=60_000, message_life_seconds=60)


def test_policy__saved_twice__is_one(scoped: Company) -> None:
    save_policy(caps=[{"limit": 3, "window": "1d"}], gap_seconds=30)
    save_policy(caps=[], gap_seconds=0)

    policy = MessagePolicy.objects.get()
    assert (policy.caps, policy.gap_seconds) == ([], 0)


@pytest.mark.parametrize("gap", [-1, 86_401, True, "30", None, 1.5])
def test_policy__impossible_gap__is_refused(scoped: Company, gap: Any) -> None:
    with pytest.raises(CampaignError, match="gap_seconds"):
        save_policy(caps=[], gap_seconds=gap)
