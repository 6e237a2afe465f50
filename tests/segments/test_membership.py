"""Stored membership: the touched, the due, new definitions and newcomers all agree with recomputation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from events.models import Person
from segments.conditions.compiler import FAR, Key
from segments.conditions.questions import Everyone, Setting
from segments.definitions import load_definitions, save_segment
from segments.draining import drain, sweep_due, tenants_with_work
from segments.membership import current_setting, evaluate, lock_people, memberships_of, refresh
from segments.models import Membership, MembershipChange, Segment
from segments.recomputation import advance_recomputation
from tests.conftest import Company
from tests.oracle import facts
from tests.segments.histories import store_events, store_person, touch

CART = {
    "did": "added_to_cart", "then_not": {"did": "purchased", "same": ["cart_id"]}, "after": "10m", "for": "24h",
}  # fmt: skip
LIKED = {"did": "product_liked", "within": "30d"}


def event(name: str, age: timedelta, **properties: Any) -> facts.Event:
    at = datetime.now(UTC) - age
    return facts.Event(name=name, occurred_at=at, message_id=f"{name}-{age}", properties=properties)


def person(company: Company, *events: facts.Event, **traits: Any) -> UUID:
    return store_person(
        tenant_id=company.tenant.pk, person=facts.Person(traits=traits, events=events), now=datetime.now(UTC)
    )


def segment(company: Company, condition: Any, name: str = "Segment") -> Segment:
    """A segment in force."""
    saved, _ = save_segment(name=name, condition=condition)
    recompute(company)
    saved.refresh_from_db()
    return saved


def recompute(company: Company) -> None:
    while advance_recomputation(tenant_id=company.tenant.pk):
        pass


def members(saved: Segment) -> set[UUID]:
    rows = Membership.objects.filter(segment_id=saved.pk, version=saved.live_version, is_member=True)
    return set(rows.values_list("person_id", flat=True))


def changes(saved: Segment) -> list[tuple[UUID, bool, str]]:
    rows = MembershipChange.objects.filter(segment_id=saved.pk).order_by("changed_at", "person_id")
    return list(rows.values_list("person_id", "entered", "reason"))


@pytest.mark.django_db
def test_drain__touched_person__enters_once(scoped: Company) -> None:
    liked = segment(scoped, LIKED)
    who = person(scoped, event("product_liked", timedelta(days=1)))

    drain(tenant_id=scoped.tenant.pk)
    touch(person_id=who)
    drain(tenant_id=scoped.tenant.pk)

    assert members(liked) == {who}
    assert changes(liked) == [(who, True, "facts")]
    assert Person.objects.get(person_id=who).touched_at is None


@pytest.mark.django_db
def test_drain__event_that_does_not_match__removes_nobody(scoped: Company) -> None:
    liked = segment(scoped, LIKED)
    who = person(scoped, event("product_liked", timedelta(days=1)))
    drain(tenant_id=scoped.tenant.pk)

    store_events(
        tenant_id=scoped.tenant.pk, person_id=who, events=(event("page", timedelta(0)),), now=datetime.now(UTC)
    )
    touch(person_id=who)
    drain(tenant_id=scoped.tenant.pk)

    assert members(liked) == {who}


@pytest.mark.django_db
def test_sweep__cart_comes_due__enters_by_time_and_leaves_on_purchase(scoped: Company) -> None:
    abandoned = segment(scoped, {**CART, "after": "1s"})
    who = person(scoped, event("added_to_cart", timedelta(milliseconds=200), cart_id="c1"))
    drain(tenant_id=scoped.tenant.pk)
    waiting = memberships_of(person_id=who)[abandoned.pk]
    assert not waiting.is_member

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(1)")
    assert scoped.tenant.pk in tenants_with_work()
    sweep_due(tenant_id=scoped.tenant.pk)
    assert members(abandoned) == {who}

    bought = event("purchased", timedelta(0), cart_id="c1")
    store_events(tenant_id=scoped.tenant.pk, person_id=who, events=(bought,), now=datetime.now(UTC))
    touch(person_id=who)
    drain(tenant_id=scoped.tenant.pk)
    assert members(abandoned) == set()
    assert changes(abandoned) == [(who, True, "time"), (who, False, "facts")]


@pytest.mark.django_db
def test_newcomer__did_not_purchase__is_a_member_without_any_event(scoped: Company) -> None:
    never = segment(scoped, {"not": {"did": "purchased"}})
    who = person(scoped)

    drain(tenant_id=scoped.tenant.pk)

    assert members(never) == {who}


@pytest.mark.django_db
def test_recompute__changed_definition__keeps_the_old_answer_until_the_swap(scoped: Company) -> None:
    who, other = person(scoped, event("product_liked", timedelta(days=1))), person(scoped, plan="pro")
    drain(tenant_id=scoped.tenant.pk)
    saved = segment(scoped, LIKED)
    assert members(saved) == {who}

    save_segment(segment=saved, name=saved.name, condition={"trait": "plan", "op": "=", "value": "Pro"})
    saved.refresh_from_db()
    assert (saved.version, saved.live_version) == (2, 1)
    assert members(saved) == {who}
    newcomer = person(scoped, plan="PRO")
    drain(tenant_id=scoped.tenant.pk)  # evaluates both versions while the new one is pending
    assert newcomer not in members(saved)

    recompute(scoped)
    saved.refresh_from_db()
    assert saved.live_version == 2
    assert members(saved) == {other, newcomer}
    assert sorted(changes(saved)[-3:]) == sorted(
        [(who, False, "definition"), (other, True, "definition"), (newcomer, True, "definition")]
    )
    assert not Membership.objects.filter(version=1).exists()


@pytest.mark.django_db
def test_recompute__nested_segment_edited__swaps_with_what_names_it(scoped: Company) -> None:
    who = person(scoped, plan="pro")
    drain(tenant_id=scoped.tenant.pk)
    inner = segment(scoped, {"trait": "plan", "op": "=", "value": "free"}, "Inner")
    outer = segment(scoped, {"not": {"segment": str(inner.pk)}}, "Outer")
    assert members(outer) == {who}

    save_segment(segment=inner, name="Inner", condition={"trait": "plan", "op": "=", "value": "pro"})
    outer.refresh_from_db()
    assert (outer.version, outer.live_version) == (2, 1)
    recompute(scoped)

    inner.refresh_from_db()
    outer.refresh_from_db()
    assert (members(inner), members(outer)) == ({who}, set())


@pytest.mark.django_db
def test_recompute__interrupted_after_a_chunk__resumes_and_doubles_nothing(
    scoped: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segments.recomputation.CHUNK", 2)
    people = {person(scoped, plan="pro") for _ in range(5)}
    drain(tenant_id=scoped.tenant.pk)
    saved, _ = save_segment(name="Pro", condition={"trait": "plan", "op": "=", "value": "pro"})

    assert advance_recomputation(tenant_id=scoped.tenant.pk)
    recompute(scoped)

    saved.refresh_from_db()
    assert members(saved) == people
    assert len(changes(saved)) == 5


@pytest.mark.django_db
def test_stored_membership__after_mixed_news__equals_recomputation(scoped: Company) -> None:
    for number, condition in enumerate([LIKED, {**CART, "after": "1s"}, {"not": LIKED}, {"any": [LIKED, CART]}]):
        segment(scoped, condition, f"S{number}")
    people = [
        person(scoped, event("product_liked", timedelta(days=29, hours=23, minutes=59, seconds=59))),
        person(scoped, event("added_to_cart", timedelta(minutes=20)), event("purchased", timedelta(minutes=5))),
        person(scoped, event("added_to_cart", timedelta(milliseconds=300), cart_id="x")),
        person(scoped),
    ]
    drain(tenant_id=scoped.tenant.pk)

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(1.2)")
    sweep_due(tenant_id=scoped.tenant.pk)

    setting = current_setting()
    expected = {
        (who, key.segment_id, member)
        for who, key, member, until in evaluate(load_definitions().live, scope=Everyone(), setting=setting)
    }
    stored = {
        (who, key.segment_id, key.segment_id in by_person and by_person[key.segment_id].is_member)
        for who in people
        for by_person in [memberships_of(person_id=who)]
        for key in load_definitions().live
    }
    assert stored == expected


@pytest.mark.django_db
def test_refresh__batch_of_people__takes_few_statements(scoped: Company) -> None:
    for number in range(10):
        segment(scoped, {"did": "product_liked", "within": f"{number + 1}d"}, f"S{number}")
    people = [person(scoped, event("product_liked", timedelta(hours=1))) for _ in range(20)]
    lock_people(people)
    load_definitions()  # after a change they are read once a process

    with CaptureQueriesContext(connection) as queries:
        refresh(person_ids=people)

    # The swap's lock, the tenant and its clock, the definitions' version, what is to be evaluated, how it is planned,
    # the evaluation, digested.
    assert len(queries) == 7


@pytest.mark.django_db
def test_evaluate__never_changing_answer__is_valid_for_ever(scoped: Company) -> None:
    who = person(scoped, event("purchased", timedelta(days=1)))
    (setting,) = [current_setting()]

    ((_, _, member, until),) = evaluate({Key(who, 1): _parsed({"did": "purchased"})}, scope=Everyone(), setting=setting)

    assert isinstance(setting, Setting)
    assert (member, until) == (True, FAR)


def _parsed(condition: Any) -> Any:
    from segments.conditions.parsing import parse_condition

    return parse_condition(condition)
