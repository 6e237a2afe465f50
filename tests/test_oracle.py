"""The oracle's nodes against examples worked by hand from the specification."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.oracle.evaluate import is_member
from tests.oracle.examples import CART, DAY, HOUR, MINUTE, NOW, US, event, holds
from tests.oracle.facts import Condition, World
from tests.oracle.strategies import Case, cases

SLOW_TO_DRAW = [HealthCheck.too_slow, HealthCheck.data_too_large]

# ---- all, any, not, segment


def test_all_and_any__of_nothing__are_everyone_and_nobody() -> None:
    assert holds({"all": []})
    assert not holds({"any": []})


def test_all_any_not__of_parts__combine_them() -> None:
    yes: Condition = {"all": []}
    no: Condition = {"any": []}

    assert holds({"all": [yes, yes]})
    assert not holds({"all": [yes, no]})
    assert holds({"any": [no, yes]})
    assert not holds({"any": [no, no]})
    assert holds({"not": no})
    assert not holds({"not": yes})


def test_not__of_did__holds_for_a_person_without_events() -> None:
    assert holds({"not": {"did": "purchased"}})


def test_segment__nested_twice__is_evaluated_at_the_same_instant() -> None:
    world = World(segments={"a": {"did": "x", "within": "1d"}, "b": {"not": {"segment": "a"}}})

    assert not holds({"segment": "b"}, event("x"), world=world)
    assert holds({"segment": "b"}, event("x"), world=world, now=NOW + DAY)


@pytest.mark.parametrize(
    "condition",
    [
        {"habit": "x"},
        {"did": "x", "sum": "price"},
        {"did": "x", "where": [{"property": "a", "op": "=", "value": 1, "else": 2}]},
        {"did": "x", "within": {"last": "1d"}},
        {"trait": "x", "op": "within", "value": "7d"},
        {"did": "x", "then_not": {"did": "y", "within": "1d"}, "after": "1m"},
    ],
)
def test_condition__with_what_the_oracle_does_not_know__raises(condition: Condition) -> None:
    with pytest.raises(NotImplementedError):
        holds(condition, event("x", a=1), traits={"x": "2026-01-01"})


# ---- did: names, counts


def test_did__names__are_exact() -> None:
    assert holds({"did": "Paid"}, event("Paid"))
    assert not holds({"did": "Paid"}, event("paid"), event(" Paid"), event("Paid "))


def test_did__several_names__are_counted_together() -> None:
    node = {"did": ["paid", "subscribed"], "count": {"op": "=", "value": 2}}

    assert holds(node, event("paid"), event("subscribed"), event("viewed"))
    assert not holds(node, event("paid"))
    assert holds({**node, "did": ["paid", "paid"]}, event("paid"), event("paid"))


@pytest.mark.parametrize(
    ("op", "answers"),  # for none, one, two, three events against 2
    [
        ("=", [False, False, True, False]),
        ("!=", [True, True, False, True]),
        ("<", [True, True, False, False]),
        ("<=", [True, True, True, False]),
        (">", [False, False, False, True]),
        (">=", [False, False, True, True]),
    ],
)
def test_did__count_operator__compares_the_number_of_events(op: str, answers: list[bool]) -> None:
    node = {"did": "x", "count": {"op": op, "value": 2}}

    assert [holds(node, *(event("x") for _ in range(number))) for number in range(4)] == answers


def test_did__count_of_zero__holds_without_events() -> None:
    assert holds({"did": "x", "count": {"op": "=", "value": 0}})
    assert not holds({"did": "x", "count": {"op": "=", "value": 0}}, event("x"))
    assert holds({"did": "x", "count": {"op": ">=", "value": 0}})


def test_did__event_after_now__does_not_exist() -> None:
    assert holds({"did": "x"}, event("x", NOW))
    assert not holds({"did": "x"}, event("x", NOW + US))


# ---- where


def test_where__several_filters__must_all_hold_of_one_event() -> None:
    where = [{"property": "a", "op": "=", "value": 1}, {"property": "b", "op": "=", "value": 2}]

    assert holds({"did": "x", "where": where}, event("x", a=1, b=2))
    assert not holds({"did": "x", "where": where}, event("x", a=1), event("x", b=2))
    assert holds({"did": "x", "where": []}, event("x"))


def test_where__context_path__addresses_the_context_of_the_event() -> None:
    def found(path: str) -> bool:
        test = {"property": path, "op": "=", "value": "/home"}
        return holds({"did": "page", "where": [test]}, event("page", context={"page": {"path": "/home"}}))

    assert found("context.page.path")
    assert not found("page.path")
    assert not found(r"context\.page.path")


def test_where__property_called_context__is_a_property_unless_dotted() -> None:
    visit = replace(event("x"), properties={"context": {"a": 1}, "context.a": 2})

    assert holds({"did": "x", "where": [{"property": "context", "op": "exists"}]}, visit)
    assert not holds({"did": "x", "where": [{"property": "context.a", "op": "exists"}]}, visit)
    assert not holds({"did": "x", "where": [{"property": "context", "op": "exists"}]}, event("x"))
    assert holds({"did": "x", "where": [{"property": r"context\.a", "op": "=", "value": 2}]}, visit)


# ---- retention


def test_retention__event_on_its_limit__exists_and_a_microsecond_later_not() -> None:
    world = World(retention=timedelta(days=30))

    assert holds({"did": "x"}, event("x", NOW - 30 * DAY), world=world)
    assert not holds({"did": "x"}, event("x", NOW - 30 * DAY - US), world=world)
    assert holds({"not": {"did": "x"}}, event("x", NOW - 30 * DAY - US), world=world)


# ---- then not


@pytest.mark.parametrize(
    ("ago", "answer"),
    [
        (10 * MINUTE - US, False),
        (10 * MINUTE, True),
        (70 * MINUTE - US, True),
        (70 * MINUTE, False),
    ],
)
def test_then_not__no_second_event__holds_from_after_until_for_ends(ago: timedelta, answer: bool) -> None:
    assert holds(CART, event("added_to_cart", NOW - ago, cart_id=1)) is answer


def test_then_not__without_for__lasts_24_hours() -> None:
    node = {"did": "a", "then_not": {"did": "b"}, "after": "10m"}

    assert holds(node, event("a", NOW - DAY - 10 * MINUTE + US))
    assert not holds(node, event("a", NOW - DAY - 10 * MINUTE))


@pytest.mark.parametrize(
    ("second_at", "answer"),
    [
        (NOW - 20 * MINUTE - US, True),  # it came before
        (NOW - 20 * MINUTE, False),  # at the same time
        (NOW - 5 * MINUTE, False),  # later than `after`, but it came
        (NOW, False),
        (NOW + US, True),  # it has not happened
    ],
)
def test_then_not__second_event__counts_from_the_time_of_the_first_until_now(second_at: datetime, answer: bool) -> None:
    events = event("added_to_cart", NOW - 20 * MINUTE, cart_id=1), event("purchased", second_at, cart_id=1)

    assert holds(CART, *events) is answer


def test_then_not__some_first_event_unanswered__is_enough() -> None:
    bought = event("added_to_cart", NOW - 20 * MINUTE, cart_id=1)
    left = event("added_to_cart", NOW - 20 * MINUTE, cart_id=2)

    assert holds(CART, bought, left, event("purchased", cart_id=1))
    assert not holds(CART, bought, event("purchased", cart_id=1))


def test_then_not__same_event_twice__the_first_itself_is_excluded() -> None:
    node = {"did": "opened", "then_not": {"did": "opened"}, "after": "10m"}
    first = event("opened", NOW - 20 * MINUTE)

    assert holds(node, first)
    assert not holds(node, first, event("opened", NOW - 5 * MINUTE))
    assert not holds(node, first, event("opened", NOW - 20 * MINUTE))  # twins answer each other


def test_then_not__same_of_an_event_without_the_property__missing_equals_missing() -> None:
    first, named = event("added_to_cart", NOW - 20 * MINUTE), event("added_to_cart", NOW - HOUR, cart_id=1)

    assert not holds(CART, first, event("purchased", cart_id=" "))
    assert not holds(CART, first, event("purchased", cart_id=None))
    assert holds(CART, first, event("purchased", cart_id=1))
    assert holds(CART, named, event("purchased"))


def test_then_not__where_on_both__filters_both() -> None:
    big = [{"property": "price", "op": ">", "value": 10}]
    node = {"did": "a", "where": big, "then_not": {"did": ["b", "c"], "where": big}, "after": "10m"}
    first = event("a", NOW - HOUR, price=11)

    assert holds(node, first, event("b", price=10), event("c", price=9))
    assert not holds(node, first, event("c", price=11))
    assert not holds(node, event("a", NOW - HOUR, price=10))


def test_then_not__several_same_paths__must_all_be_equal() -> None:
    node = {"did": "a", "then_not": {"did": "b", "same": ["x", "context.y"]}, "after": "1m"}
    first = event("a", NOW - HOUR, x=1, context={"y": "Z"})

    assert not holds(node, first, event("b", x=1, context={"y": "z"}))
    assert holds(node, first, event("b", x=1, context={"y": "other"}))
    assert holds(node, first, event("b", x=2, context={"y": "z"}))


# ---- properties


@settings(max_examples=100, suppress_health_check=SLOW_TO_DRAW, deadline=None)
@given(case=cases(), data=st.data())
def test_is_member__events_in_any_order__gives_the_same_answer(case: Case, data: st.DataObject) -> None:
    (person,) = case.people
    shuffled = replace(person, events=tuple(data.draw(st.permutations(person.events))))

    answers = {
        is_member(condition=case.condition, person=one, world=case.world, now=case.now) for one in (person, shuffled)
    }

    assert len(answers) == 1
