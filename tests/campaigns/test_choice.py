"""The choice: order, each rule, fall-through, and when to ask again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from campaigns.caps import Cap, Session
from campaigns.choice import Candidate, Choice, Policy, Rule, Standing, choose
from campaigns.records import LedgerEntry
from campaigns.rendering import RenderedMessage, RenderingError
from tests.campaigns.records import NOW, candidate, exposed, reserved, seconds, trigger

MESSAGE = RenderedMessage(template="modal", title="Hi", body="", image_url=None, locale="en", buttons=())
ONCE = (Cap(limit=1, window=timedelta(days=1), text="1d"),)


def run(
    *candidates: Candidate,
    entries: tuple[LedgerEntry, ...] = (),
    policy: Policy | None = None,
    unrenderable: tuple[UUID, ...] = (),
) -> Choice:
    def render(one: Candidate) -> RenderedMessage:
        if one.campaign_id in unrenderable:
            raise RenderingError("title: broken")
        return replace(MESSAGE, title=one.name)

    return choose(
        candidates=candidates,
        policy=policy or Policy(gap=seconds(0)),
        entries=entries,
        session=Session("s1", timedelta(minutes=30)),
        now=NOW,
        render=render,
    )


def rules(choice: Choice) -> dict[int, Rule | None]:
    return {verdict.candidate.campaign_id.int: verdict.rule for verdict in choice.verdicts}


def test_choose__priority_then_age_then_id__decides() -> None:
    old = NOW - timedelta(days=99)
    choice = run(
        candidate(1, priority=10), candidate(2, priority=60), candidate(4, priority=60, created_at=old),
        candidate(3, priority=60, created_at=old),
    )  # fmt: skip

    assert choice.chosen is not None
    assert choice.chosen.campaign_id == UUID(int=3)
    assert choice.message is not None
    assert choice.message.title == "Campaign 3"
    assert rules(choice) == {3: None, 4: Rule.OUTRANKED, 2: Rule.OUTRANKED, 1: Rule.OUTRANKED}


STOPS: list[tuple[dict[str, Any], Rule]] = [
    ({"trigger": None}, Rule.TRIGGER),
    ({"starts_at": NOW + seconds(1)}, Rule.SCHEDULE),
    ({"ends_at": NOW}, Rule.SCHEDULE),
    ({"audience": Standing(is_member=False)}, Rule.AUDIENCE),
    ({"caps": ONCE}, Rule.CAMPAIGN_CAP),
]


@pytest.mark.parametrize(("fields", "rule"), STOPS)
def test_choose__stopped_candidate__gives_way_to_the_next(fields: dict[str, Any], rule: Rule) -> None:
    choice = run(candidate(1, priority=90, **fields), candidate(2), entries=(exposed(60),))

    assert choice.chosen is not None
    assert choice.chosen.campaign_id == UUID(int=2)
    assert rules(choice) == {1: rule, 2: None}


def test_choose__edges_of_the_schedule__start_is_in_and_end_is_out() -> None:
    assert run(candidate(starts_at=NOW)).chosen is not None
    assert run(candidate(ends_at=NOW + timedelta(microseconds=1))).chosen is not None
    assert run(candidate(ends_at=NOW)).chosen is None


def test_choose__tenant_wide_cap__counts_all_campaigns() -> None:
    policy = Policy(caps=(Cap(limit=2, window=timedelta(days=1), text="1d"),), gap=seconds(0))
    others = (exposed(60, campaign_id=UUID(int=8)), exposed(90, campaign_id=UUID(int=9)))

    assert rules(run(candidate(), entries=others, policy=policy)) == {1: Rule.TENANT_CAP}
    assert run(candidate(), entries=others[:1], policy=policy).chosen is not None


def test_choose__gap__stops_every_campaign() -> None:
    choice = run(
        candidate(1), candidate(2), entries=(exposed(10, campaign_id=UUID(int=9)),), policy=Policy(gap=seconds(30))
    )

    assert rules(choice) == {1: Rule.GAP, 2: Rule.GAP}
    assert choice.next_check_at == NOW + seconds(20)
    assert choice.reason == "gap"


def test_choose__control__counts_as_treatment_does() -> None:
    for arm in ("treatment", "control"):
        choice = run(candidate(caps=ONCE), entries=(exposed(60, arm=arm),))

        assert rules(choice) == {1: Rule.CAMPAIGN_CAP}


def test_choose__unrenderable_message__gives_way_and_says_why() -> None:
    choice = run(candidate(1, priority=90), candidate(2), unrenderable=(UUID(int=1),))

    assert choice.chosen is not None
    assert choice.chosen.campaign_id == UUID(int=2)
    assert choice.verdicts[0].rule == Rule.MESSAGE
    assert choice.verdicts[0].values["error"] == "title: broken"


def test_next_check__stop_that_time_lifts__only_while_the_trigger_lives() -> None:
    soon, late = NOW + seconds(30), NOW + seconds(90)

    assert run(candidate(starts_at=soon)).next_check_at == soon
    assert run(candidate(starts_at=late)).next_check_at is None
    assert run(candidate(audience=Standing(False, soon))).next_check_at == soon
    assert run(candidate(audience=Standing(False, late))).next_check_at is None
    assert run(candidate(trigger=None)).next_check_at is None


def test_next_check__awaited_segment__when_time_may_bring_the_entry() -> None:
    at = NOW + timedelta(minutes=10)

    assert run(candidate(trigger=None, awaited=Standing(False, at))).next_check_at == at
    assert run(candidate(trigger=None, awaited=Standing(False))).next_check_at is None


def test_next_check__far_instant__is_a_day_at_most() -> None:
    far = Standing(False, NOW + timedelta(days=20))

    assert run(candidate(trigger=None, awaited=far)).next_check_at == NOW + timedelta(hours=24)


def test_next_check__least__wins() -> None:
    choice = run(
        candidate(1, starts_at=NOW + seconds(40)),
        candidate(2, caps=ONCE),
        candidate(3, trigger=None, awaited=Standing(False, NOW + seconds(20))),
        entries=(reserved(15, campaign_id=UUID(int=2)),),
    )

    assert choice.chosen is None
    assert choice.next_check_at == NOW + seconds(15)


def test_next_check__outranked_candidate__after_the_gap() -> None:
    choice = run(candidate(1, priority=90), candidate(2, trigger=trigger(life=300)), policy=Policy(gap=seconds(30)))

    assert choice.next_check_at == NOW + seconds(30)


def test_trace__many_candidates__tells_the_furthest_and_counts_the_rest() -> None:
    trace = run(*(candidate(number, trigger=None) for number in range(1, 100)), candidate(200)).trace()

    candidates = trace["candidates"]
    assert isinstance(candidates, list)
    assert len(candidates) == 50
    assert candidates[0]["campaign_id"] == str(UUID(int=200))
    assert candidates[0]["rule"] is None
    assert trace["omitted"] == 50
    assert trace["policy"] == "priority/1"
