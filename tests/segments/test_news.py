"""What is evaluated: what the news can have changed, and what came due; for whom nothing is known, everything."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.models import Person
from events.news import EVERYTHING, MOST, as_array
from segments.draining import drain
from segments.membership import SHARES, refresh
from segments.models import Membership, Segment
from tests.campaigns.cast import Device, make_segment
from tests.conftest import Company

pytestmark = pytest.mark.django_db(transaction=True)


def digested(company: Company, **fields: Any) -> Device:
    """Somebody who is known and has no news."""
    device = Device(company, **fields)
    device.track("app_opened")
    drain(tenant_id=company.tenant.pk)
    return device


def is_member(device: Device, segment: Segment) -> bool:
    with device.company.scope():
        return Membership.objects.filter(person_id=device.person_id, segment_id=segment.pk, is_member=True).exists()


def news_of(device: Device) -> list[str]:
    with device.company.scope():
        return sorted(Person.objects.values_list("news", flat=True).get(person_id=device.person_id))


def evaluations(company: Company) -> int:
    """How many statements a drain takes to evaluate whoever has news."""
    with CaptureQueriesContext(connection) as captured:
        drain(tenant_id=company.tenant.pk)
    return sum("fresh AS MATERIALIZED" in query["sql"] for query in captured)


def test_drain__news_about_one_event__evaluates_what_is_about_it_alone(acme: Company) -> None:
    bought, liked = make_segment(acme, {"did": "purchased"}), make_segment(acme, {"did": "product_liked"})
    device = digested(acme)
    device.track("product_liked")
    drain(tenant_id=acme.tenant.pk)
    with acme.scope():
        Membership.objects.all().delete()  # what is not evaluated is not mended
    device.track("purchased")

    drain(tenant_id=acme.tenant.pk)

    assert (is_member(device, bought), is_member(device, liked)) == (True, False)


def test_drain__news_about_nothing_that_is_asked__evaluates_nothing(acme: Company) -> None:
    make_segment(acme, {"did": "purchased"})
    device = digested(acme)
    device.track("help_opened")
    device.identify(plan="pro")

    assert evaluations(acme) == 0
    with acme.scope():
        assert not Person.objects.exclude(touched_at=None).exists()


def test_drain__somebody_new__is_evaluated_in_everything(acme: Company) -> None:
    """Planted bug: EVERYTHING taken for a subject like others (seen to fail)."""
    absent = make_segment(acme, {"not": {"did": "purchased"}})
    device = Device(acme)
    device.track("help_opened")

    drain(tenant_id=acme.tenant.pk)

    assert is_member(device, absent)


@pytest.mark.parametrize(
    "condition",
    [
        {"trait": "plan", "op": "=", "value": "pro"},
        {"any": [{"did": "purchased"}, {"not": {"trait": "plan", "op": "not_exists"}}]},
    ],
    ids=str,
)
def test_drain__trait_set__evaluates_what_is_about_traits(acme: Company, condition: Any) -> None:
    """Planted bug: an item's traits that are no subject (seen to fail)."""
    segment = make_segment(acme, condition)
    device = digested(acme)
    device.identify(plan="pro")

    drain(tenant_id=acme.tenant.pk)

    assert is_member(device, segment)


def test_drain__second_news_before_the_first_is_digested__evaluates_both(acme: Company) -> None:
    """Planted bug: later subjects in the place of the earlier ones (seen to fail)."""
    bought, liked = make_segment(acme, {"did": "purchased"}), make_segment(acme, {"did": "product_liked"})
    device = digested(acme)
    device.track("purchased")
    device.track("product_liked")
    assert news_of(device) == ["event:product_liked", "event:purchased"]

    drain(tenant_id=acme.tenant.pk)

    assert is_member(device, bought)
    assert is_member(device, liked)


def test_drain__the_absent_event_of_a_pair__ends_it(acme: Company) -> None:
    """Planted bug: a pair that is about its first event alone (seen to fail)."""
    cart = make_segment(acme, {"did": "added_to_cart", "then_not": {"did": "purchased"}, "after": "10m", "for": "24h"})
    device = digested(acme)
    device.track("added_to_cart", ago=1200)
    drain(tenant_id=acme.tenant.pk)
    assert is_member(device, cart)
    device.track("purchased")

    drain(tenant_id=acme.tenant.pk)

    assert not is_member(device, cart)


def test_drain__somebody_merged_into_another__evaluates_the_other_in_everything(acme: Company) -> None:
    """Planted bug: a merge that does not name EVERYTHING (seen to fail)."""
    bought = make_segment(acme, {"did": "purchased", "count": {"op": ">=", "value": 2}})
    browser, phone = Device(acme), Device(acme, anonymous_id=None, user_id="u1")
    browser.track("purchased")
    phone.track("purchased")
    drain(tenant_id=acme.tenant.pk)
    browser.user_id = "u1"
    browser.identify()  # has no subject of its own

    drain(tenant_id=acme.tenant.pk)

    assert is_member(phone, bought)


def test_refresh__news_and_something_due__evaluates_both(acme: Company) -> None:
    """Planted bug: what is due left to the sweep (seen to fail)."""
    bought = make_segment(acme, {"did": "purchased"})
    recent = make_segment(acme, {"did": "app_opened", "within": "1h"})
    device = Device(acme)
    device.track("app_opened", ago=3590)
    drain(tenant_id=acme.tenant.pk)
    assert is_member(device, recent)
    with acme.scope():
        acme.tenant.is_test = True
        acme.tenant.clock_offset = timedelta(seconds=20)
        acme.tenant.save()
    device.track("purchased")

    with acme.scope():
        refresh(person_ids=[device.person_id])

    assert (is_member(device, bought), is_member(device, recent)) == (True, False)


def test_drain__more_subjects_than_statements__evaluates_them_all(acme: Company) -> None:
    segments = [make_segment(acme, {"did": f"event {number}"}) for number in range(SHARES + 3)]
    devices = [digested(acme) for _ in segments]
    for number, device in enumerate(devices):
        device.track(f"event {number}")

    assert evaluations(acme) == SHARES + 1
    for device, segment in zip(devices, segments, strict=True):
        assert is_member(device, segment)


def test_news__more_than_a_row_names__are_everything(acme: Company) -> None:
    segment = make_segment(acme, {"did": "purchased"})
    device = digested(acme)
    device.track("purchased")
    for number in range(MOST + 1):
        device.track(f"event {number}")
    assert news_of(device) == [EVERYTHING]

    drain(tenant_id=acme.tenant.pk)

    assert is_member(device, segment)
    assert news_of(device) == [EVERYTHING]  # whoever touches the row and names nothing


@pytest.mark.parametrize("name", ["*", 'a "quoted" \\ {name}, with everything', "NULL", " ", "traits"])
def test_drain__event_with_a_name_that_means_something_elsewhere__is_that_event(acme: Company, name: str) -> None:
    segment, other = make_segment(acme, {"did": name}), make_segment(acme, {"trait": "plan", "op": "exists"})
    device = digested(acme)
    device.track(name)
    assert news_of(device) == [f"event:{name}"]

    drain(tenant_id=acme.tenant.pk)

    assert (is_member(device, segment), is_member(device, other)) == (True, False)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(subjects=st.frozensets(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))))
def test_as_array__any_texts__is_read_as_everything_and_these(acme: Company, subjects: frozenset[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::text[]", [as_array(subjects).decode()])
        ((everything, *named),) = cursor.fetchone()

    assert everything == EVERYTHING
    assert set(named) == (subjects if len(subjects) <= MOST else {EVERYTHING})
    assert isinstance(connection.connection, psycopg.Connection)
