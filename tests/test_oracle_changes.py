"""The oracle's `next_change`: the rows of the `valid_until` table, and its promise on random cases."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.oracle.changes import next_change, turning_points
from tests.oracle.evaluate import is_member
from tests.oracle.examples import CART, DAY, HOUR, MINUTE, NOW, US, UTC_WORLD, at, event
from tests.oracle.facts import Condition, Event, Person, World
from tests.oracle.strategies import Case, cases
from tests.oracle.times import instant_of

SLOW_TO_DRAW = [HealthCheck.too_slow, HealthCheck.data_too_large]


def changes_at(condition: Condition, *events: Event, now: datetime = NOW, world: World = UTC_WORLD) -> datetime | None:
    return next_change(condition=condition, person=Person(events=events), world=world, now=now)


# ---- valid_until: the rows of the table


def visits(*ago: timedelta) -> list[Event]:
    return [event("x", NOW - gone) for gone in ago]


@pytest.mark.parametrize("least", [{"op": ">=", "value": 2}, {"op": ">", "value": 1}])
def test_next_change__count_at_least_k_true__the_kth_newest_leaves(least: Condition) -> None:
    node = {"did": "x", "count": least, "within": "7d"}

    assert changes_at(node, *visits(DAY, 3 * DAY, 5 * DAY)) == NOW - 3 * DAY + 7 * DAY


def test_next_change__count_at_least_k_false__never() -> None:
    assert changes_at({"did": "x", "within": "7d"}, *visits(8 * DAY)) is None
    assert changes_at({"did": "x", "count": {"op": ">=", "value": 2}, "within": "7d"}, *visits(DAY)) is None


def test_next_change__count_at_most_k_true__never() -> None:
    assert changes_at({"did": "x", "count": {"op": "<=", "value": 2}, "within": "7d"}, *visits(DAY)) is None


def test_next_change__count_at_most_k_false__enough_have_left() -> None:
    node = {"did": "x", "count": {"op": "<=", "value": 1}, "within": "7d"}

    assert changes_at(node, *visits(DAY, 2 * DAY, 3 * DAY, 4 * DAY)) == NOW + 5 * DAY


def test_next_change__count_equals__may_become_true_and_false_again() -> None:
    node = {"did": "x", "count": {"op": "=", "value": 1}, "within": "7d"}
    events = visits(DAY, 2 * DAY)

    assert changes_at(node, *events) == NOW + 5 * DAY
    assert changes_at(node, *events, now=NOW + 5 * DAY) == NOW + 6 * DAY
    assert changes_at(node, *events, now=NOW + 6 * DAY) is None


def test_next_change__then_not_true__the_latest_end_of_those_that_make_it_true() -> None:
    carts = [event("added_to_cart", NOW - ago, cart_id=str(ago)) for ago in (15 * MINUTE, 30 * MINUTE)]
    bought = event("added_to_cart", NOW - 11 * MINUTE, cart_id="b")

    answer = changes_at(CART, *carts, bought, event("purchased", NOW, cart_id="b"))

    assert answer == NOW + 55 * MINUTE


def test_next_change__then_not_false__the_earliest_start_of_those_that_wait() -> None:
    carts = [event("added_to_cart", NOW - ago * MINUTE, cart_id=ago) for ago in (2, 5, 8)]

    assert changes_at(CART, *carts, event("purchased", cart_id=8)) == NOW + 5 * MINUTE
    assert changes_at(CART, event("added_to_cart", NOW - 2 * HOUR)) is None


def test_next_change__then_not_without_for__ends_after_24_hours() -> None:
    node = {"did": "x", "then_not": {"did": "y"}, "after": "10m"}

    assert changes_at(node, *visits(HOUR)) == NOW - HOUR + 10 * MINUTE + DAY


def test_next_change__all_and_any__combine_their_parts() -> None:
    soon: Condition = {"did": "x", "within": "2d"}
    late: Condition = {"did": "x", "within": "7d"}
    events = visits(DAY)

    assert changes_at({"all": [soon, late]}, *events) == NOW + DAY
    assert changes_at({"any": [soon, late]}, *events) == NOW + 6 * DAY
    assert changes_at({"all": [{"not": soon}, {"not": late}]}, *events) == NOW + 6 * DAY
    assert changes_at({"any": [{"not": soon}, {"not": late}]}, *events) == NOW + DAY
    assert changes_at({"not": soon}, *events) == NOW + DAY


def test_next_change__window_that_ends_before_now__an_old_event_enters_and_leaves() -> None:
    node = {"did": "x", "within": {"last": "30d", "before": "7d"}}
    events = visits(DAY)

    assert changes_at(node, *events) == NOW + 6 * DAY
    assert changes_at(node, *events, now=NOW + 6 * DAY) == NOW + 29 * DAY
    assert changes_at({"did": "x", "within": {"before": "30d"}}, *events) == NOW + 29 * DAY


def test_next_change__retention__the_microsecond_after_its_closed_end() -> None:
    world = World(retention=timedelta(days=30))

    assert changes_at({"did": "x"}, *visits(DAY), world=world) == NOW + 29 * DAY + US
    assert changes_at({"did": "x", "within": "60d"}, *visits(DAY), world=world) == NOW + 29 * DAY + US
    assert changes_at({"did": "x"}, *visits(DAY)) is None


def test_next_change__calendar_window__the_edge_at_the_tenants_midnight() -> None:
    seoul = World(time_zone="Asia/Seoul")
    this_week = {"did": "x", "within": {"calendar": "week"}}
    last_month = {"did": "x", "within": {"calendar": "month", "back": 1}}

    assert changes_at(this_week, event("x", NOW), world=seoul) == at("2026-06-22T00:00+09:00")
    assert changes_at(last_month, event("x", NOW), world=seoul) == at("2026-07-01T00:00+09:00")
    july = at("2026-07-01T00:00+09:00")
    assert changes_at(last_month, event("x", NOW), world=seoul, now=july) == at("2026-08-01T00:00+09:00")


def test_next_change__window_between_dates__never() -> None:
    assert changes_at({"did": "x", "within": {"from": "2026-01-01"}}, *visits(DAY)) is None


def test_next_change__nested_segment__is_looked_into() -> None:
    world = World(segments={"a": {"did": "x", "within": "7d"}})

    assert changes_at({"not": {"segment": "a"}}, *visits(DAY), world=world) == NOW + 6 * DAY


def test_next_change__event_after_now__is_no_fact_yet() -> None:
    assert changes_at({"did": "x"}, event("x", NOW + DAY)) is None
    assert changes_at({"did": "x", "within": "7d"}, *visits(DAY), event("x", NOW + DAY)) == NOW + 6 * DAY


# ---- properties


@settings(max_examples=150, suppress_health_check=SLOW_TO_DRAW, deadline=None)
@given(case=cases(), data=st.data())
def test_next_change__random_instants_before_it__all_give_the_answer_of_now(case: Case, data: st.DataObject) -> None:
    (person,) = case.people
    known = replace(person, events=tuple(e for e in person.events if e.occurred_at <= case.now))
    now_us = instant_of(case.now)
    answer = is_member(condition=case.condition, person=known, world=case.world, now=case.now)

    change = next_change(condition=case.condition, person=person, world=case.world, now=case.now)

    last_us = now_us + 800 * DAY // US if change is None else instant_of(change) - 1
    if change is not None:
        assert change > case.now
        assert is_member(condition=case.condition, person=known, world=case.world, now=change) is not answer
    # Anywhere, and just beside where something might happen: borders of every length the strategies use.
    spans = [1, 600, 3_600, 86_400, 7 * 86_400, 14 * 86_400, 30 * 86_400, 400 * 86_400]
    times = [instant_of(e.occurred_at) for e in known.events]
    borders = [time + span * 1_000_000 + beside for time in times for span in spans for beside in (0, 1)]
    borders += [point - 1 for point in turning_points(case.condition, known, case.world)]
    inside = [border for border in [*borders, last_us] if now_us < border <= last_us]
    anywhere = data.draw(st.lists(st.integers(min_value=now_us, max_value=last_us), max_size=10))
    for instant in inside + anywhere:
        later = case.now + (instant - now_us) * US
        assert is_member(condition=case.condition, person=known, world=case.world, now=later) is answer
