"""The clock of a workspace for tests, over REST."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from events.models import Event
from segments.clock import advance_clock
from segments.draining import drain
from segments.membership import current_setting, lock_people, refresh
from segments.models import Membership
from tenants.clock import FURTHEST, read_clock
from tests.campaigns.cast import Device, make_campaign, make_segment, set_policy
from tests.concurrency import in_thread, wait_until_somebody_waits_for_a_lock
from tests.conftest import Company

CART = {"did": "added_to_cart", "then_not": {"did": "purchased"}, "after": "10m", "for": "1h"}


@pytest.fixture
def lab(acme: Company) -> Company:
    """Acme as a workspace for tests."""
    with acme.scope():
        acme.tenant.is_test = True
        acme.tenant.save()
    return acme


def move(company: Company, client: Client, body: Any, **auth: str) -> Any:
    return client.post("/v1/clock", body, content_type="application/json", **(auth or company.server_auth))


@pytest.mark.django_db(transaction=True)
def test_clock__moved_to_minute_ten__decision_and_membership_follow(lab: Company, client: Client) -> None:
    set_policy(lab)
    waiting = make_segment(lab, CART)
    make_campaign(lab, trigger={"on": "segment_entry", "segment": str(waiting.pk)}, caps=[{"limit": 1, "window": "1d"}])
    device = Device(lab)
    device.track("added_to_cart")
    drain(tenant_id=lab.tenant.pk)
    early = device.ask()

    response = move(lab, client, {"advance": "10m"})

    assert response.status_code == 200
    assert response.json()["ahead_seconds"] == 600
    assert early["decision"] is None
    assert 0 < early["next_check_in_ms"] <= 600_000
    with lab.scope():
        assert list(Membership.objects.filter(is_member=True).values_list("person_id", flat=True)) == [device.person_id]
    decision = device.see()
    assert device.ask()["decision"] is None  # the cap holds at this time …
    move(lab, client, {"advance": "1h"})
    device.track("added_to_cart")
    move(lab, client, {"advance": "24h"})
    with lab.scope():
        assert not Membership.objects.filter(is_member=True).exists()
    device.track("added_to_cart")
    move(lab, client, {"advance": "10m"})
    assert device.see()["decision_id"] != decision["decision_id"]  # … and a day later not any more


@pytest.mark.django_db(transaction=True)
def test_clock__far_ahead__events_find_a_partition_and_bear_its_time(lab: Company, client: Client) -> None:
    move(lab, client, {"advance": "300d"})

    Device(lab).track("added_to_cart")

    with lab.scope():
        (event,) = Event.objects.all()
        assert event.received_at - timezone.now() > timedelta(days=299)
        assert abs(event.received_at - event.occurred_at) < timedelta(minutes=1)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"to": "2020-01-01T00:00:00Z"}, 409, "clock_goes_forward"),
        ({"advance": "401d"}, 409, "clock_too_far"),
        ({"to": "9999-12-31T00:00:00Z"}, 409, "clock_too_far"),
        ({"advance": "-10m"}, 400, "invalid"),
        ({"advance": 10}, 400, "invalid"),
        ({"to": "2030-01-01T00:00:00"}, 400, "invalid"),
        ({"advance": "1m", "to": "2030-01-01T00:00:00Z"}, 400, "invalid"),
        ({}, 400, "invalid"),
        ({"back": "1m"}, 400, "invalid"),
    ],
    ids=str,
)
def test_clock__what_it_cannot_do__is_refused_and_moves_nothing(
    lab: Company, client: Client, body: Any, status: int, code: str
) -> None:
    response = move(lab, client, body)

    assert (response.status_code, response.json()["code"]) == (status, code)
    with lab.scope():
        lab.tenant.refresh_from_db()
    assert lab.tenant.clock_offset == timedelta(0)


@pytest.mark.django_db
def test_clock__ordinary_workspace_or_write_key__is_refused(acme: Company, client: Client) -> None:
    ordinary = move(acme, client, {"advance": "1m"})
    public = move(acme, client, {"advance": "1m"}, **acme.write_auth)

    assert (ordinary.status_code, ordinary.json()["code"]) == (403, "not_a_test_workspace")
    assert public.status_code == 403
    assert client.get("/v1/clock", **acme.server_auth).json()["ahead_seconds"] == 0


@pytest.mark.django_db
def test_clock__moved_in_one_workspace__is_the_databases_in_another(lab: Company, globex: Company) -> None:
    with lab.scope():
        advance_clock(by=FURTHEST)

    with globex.scope():
        assert abs(read_clock() - timezone.now()) < timedelta(minutes=1)


@pytest.mark.django_db(transaction=True)
def test_clock__moved_while_somebody_is_evaluated__waits_for_them(lab: Company) -> None:
    """Planted bug: moving without the swap's lock lets an older answer be stored after a newer one (seen to fail)."""
    make_segment(lab, CART)
    device = Device(lab)
    device.track("added_to_cart")
    order: list[tuple[str, datetime]] = []
    moved = threading.Event()

    def move_on() -> None:
        with lab.scope():
            order.append(("moved", advance_clock(by=timedelta(minutes=10))))
            moved.set()

    with lab.scope():
        refresh(person_ids=lock_people([device.person_id]))
        finish = in_thread(move_on)
        wait_until_somebody_waits_for_a_lock()
        order.append(("evaluated", current_setting().now))
        assert not moved.is_set()
    finish()

    assert [what for what, _ in order] == ["evaluated", "moved"]
    assert order[0][1] < order[1][1]
