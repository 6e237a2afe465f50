"""The compiler against the oracle: the same answers, and valid_until never after the true next change."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segments.conditions.compiler import FAR, Key, compile_conditions
from segments.conditions.nodes import Node
from segments.conditions.parsing import ConditionError, parse_condition
from segments.conditions.questions import Everyone, People, Setting
from segments.conditions.references import resolve
from segments.membership import evaluate
from tests.conftest import Company
from tests.oracle.changes import next_change
from tests.oracle.evaluate import is_member
from tests.oracle.facts import Condition, Event, Person, World
from tests.oracle.strategies import Case, cases, dids, then_nots
from tests.segments.histories import store_person

SEGMENT = uuid5(UUID(int=0), "segment")


def parsed(case: Case) -> Node:
    """The case's condition and segments as the product understands them (its segments have UUIDs for names)."""
    ids = {name: str(uuid5(UUID(int=0), name)) for name in case.world.segments}

    def renamed(document: object) -> object:
        if isinstance(document, dict):
            if set(document) == {"segment"}:
                return {"segment": ids[document["segment"]]}
            return {key: renamed(value) for key, value in document.items()}
        return [renamed(item) for item in document] if isinstance(document, list) else document

    definitions = {UUID(ids[name]): parse_condition(renamed(c)) for name, c in case.world.segments.items()}
    return resolve(parse_condition(renamed(case.condition)), definitions)


@pytest.mark.django_db
@settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(case=cases(max_people=3))
def test_compiler__any_condition_and_history__agrees_with_the_oracle(
    future_partition: None, scoped: Company, case: Case
) -> None:
    try:
        node = parsed(case)
    except ConditionError:
        return  # refusing is covered in test_parsing; the oracle judges only what can be saved
    with transaction.atomic():
        compare(scoped.tenant.pk, case, node)
        transaction.set_rollback(True)


@pytest.mark.django_db
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(case=cases(depth=1), condition=st.one_of(then_nots(), dids()))
def test_compiler__one_event_node__agrees_with_the_oracle(
    future_partition: None, scoped: Company, case: Case, condition: Condition
) -> None:
    case = replace(case, condition=condition)
    try:
        node = parsed(case)
    except ConditionError:
        return
    with transaction.atomic():
        compare(scoped.tenant.pk, case, node)
        transaction.set_rollback(True)


@pytest.mark.proof
@pytest.mark.django_db
def test_valid_until__a_thousand_cases__is_never_late_and_seldom_early(
    future_partition: None, scoped: Company, capsys: pytest.CaptureFixture[str]
) -> None:
    """Prints how early it is; `compare` fails where it is late."""
    found: list[tuple[datetime, datetime]] = []

    @settings(
        max_examples=1000,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(case=cases(max_people=3))
    def judge(case: Case) -> None:
        try:
            node = parsed(case)
        except ConditionError:
            return
        with transaction.atomic():
            found.extend(compare(scoped.tenant.pk, case, node))
            transaction.set_rollback(True)

    judge()

    finite = [(until, change) for until, change in found if until < FAR]
    exact = sum(until == change for until, change in found)
    needless = sum(change == FAR for _, change in finite)
    with capsys.disabled():
        print(  # noqa: T201
            f"\nvalid_until of {len(found):,} answers: {exact:,} exact, 0 late, {len(found) - exact:,} early "
            f"(of these {needless:,} announce a change that never comes)"
        )
    assert len(found) > 1000
    assert exact > len(found) / 2


NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
CART = {"did": "added", "then_not": {"did": "bought", "same": ["cart"]}, "after": "10m", "for": "1h"}
AGAIN = {"did": "added", "then_not": {"did": "added"}, "after": "10m", "for": "1h"}


@pytest.mark.django_db
@pytest.mark.parametrize("condition", [CART, AGAIN, {"not": CART}], ids=["cart", "again", "not"])
@pytest.mark.parametrize(
    "history",
    [
        [("added", 0, 1)],
        [("bought", -5, 1), ("added", 0, 1)],  # a purchase before the cart excuses nothing
        [("added", 0, 1), ("bought", 0, 1)],  # one at the very same time does
        [("added", 0, 1), ("bought", 5, 2)],
        [("added", 0, 1), ("bought", 5, None)],
        [("added", 0, None), ("bought", 5, None)],
        [("added", 0, 1), ("added", 5, 2), ("bought", 7, 2)],
        [("added", 0, 1), ("added", 0, 1)],
        [("added", 0, True), ("bought", 5, "TRUE")],
        [("added", 0, 1), ("bought", 5, 1.0)],
        [("added", 0, 1), ("bought", 5, "1")],
        [("added", 0, [1]), ("bought", 5, [1])],
    ],
    ids=str,
)
def test_compiler__then_not_at_its_borders__agrees_with_the_oracle(
    scoped: Company, condition: Condition, history: list[tuple[str, int, object]]
) -> None:
    person = Person(
        events=tuple(
            Event(
                name=name,
                occurred_at=NOON + timedelta(minutes=minute),
                message_id=f"m{number}",
                properties={} if cart is None else {"cart": cart},
            )
            for number, (name, minute, cart) in enumerate(history)
        )
    )
    for minute in (0, 5, 7, 9, 10, 15, 60, 70, 75, 80):
        for step in (-1, 0, 1):
            now = NOON + timedelta(minutes=minute, microseconds=step)
            past = replace(person, events=tuple(e for e in person.events if e.occurred_at <= now))
            case = Case(condition=condition, world=World(), people=(past,), now=now)
            with transaction.atomic():
                compare(scoped.tenant.pk, case, parsed(case))
                transaction.set_rollback(True)


@pytest.mark.django_db
@pytest.mark.parametrize("value", range(4))
@pytest.mark.parametrize("op", ["=", "!=", "<", "<=", ">", ">="])
def test_compiler__counts_of_a_rolling_window__agree_with_the_oracle(scoped: Company, op: str, value: int) -> None:
    """Planted bug: `least - 1` for `least` in `until_leaving`, late from a count of two on (seen to fail)."""
    minutes = (0, 1, 1, 3)  # two at one time leave together
    events = [
        Event(name="added", occurred_at=NOON + timedelta(minutes=minute), message_id=f"m{number}", properties={})
        for number, minute in enumerate(minutes)
    ]
    people = tuple(Person(events=tuple(events[:number])) for number in range(len(events) + 1))
    condition: Condition = {"did": "added", "count": {"op": op, "value": value}, "within": "1h"}
    for minute in (3, 60, 61, 63):
        for step in (-1, 0, 1):
            now = NOON + timedelta(minutes=minute, microseconds=step)
            past = tuple(replace(p, events=tuple(e for e in p.events if e.occurred_at <= now)) for p in people)
            case = Case(condition=condition, world=World(), people=past, now=now)
            with transaction.atomic():
                compare(scoped.tenant.pk, case, parsed(case))
                transaction.set_rollback(True)


def compare(tenant_id: UUID, case: Case, node: Node) -> list[tuple[datetime, datetime]]:
    """Every scope against the oracle; returns each person's (valid until, true next change or FAR)."""
    people = {store_person(tenant_id=tenant_id, person=person, now=case.now): person for person in case.people}
    setting = Setting(
        tenant_id=tenant_id, now=case.now, zone=ZoneInfo(case.world.time_zone), retention=case.world.retention
    )
    ids = sorted(people)

    everyone = evaluate({Key(SEGMENT, 1): node}, scope=Everyone(), setting=setting)
    touched = evaluate({Key(SEGMENT, 1): node}, scope=People(ids[:1]), setting=setting)
    all_of_them = evaluate({Key(SEGMENT, 1): node}, scope=People(ids), setting=setting)

    assert sorted(everyone) == sorted(all_of_them)
    assert [row for row in everyone if row[0] == ids[0]] == touched
    assert {row[0] for row in everyone} == set(ids)
    found = []
    for person_id, _, member, valid_until in everyone:
        expected = is_member(condition=case.condition, person=people[person_id], world=case.world, now=case.now)
        assert member is expected
        change = next_change(condition=case.condition, person=people[person_id], world=case.world, now=case.now)
        assert valid_until > case.now
        assert valid_until <= (change or FAR), f"late: {valid_until} after {change}"
        found.append((valid_until, change or FAR))
    return found


@pytest.mark.django_db
def test_compiler__many_conditions__scan_events_once(scoped: Company) -> None:
    conditions = {
        Key(uuid5(SEGMENT, str(number)), 1): parse_condition(
            {"all": [{"did": "liked", "within": f"{number + 1}d"}, {"not": {"did": "bought"}}]}
        )
        for number in range(50)
    }
    setting = Setting(tenant_id=scoped.tenant.pk, now=datetime.now(UTC), zone=ZoneInfo("UTC"), retention=None)

    query = compile_conditions(conditions, setting=setting, scope=Everyone())

    assert query.sql.count("events_event") == 1
    assert query.sql.count("'") == query.sql.count("'{}'") * 2  # no value is ever written into the statement
