"""Orders that must not matter, forced on two connections."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, connections

from segments.definitions import save_segment
from segments.membership import lock_people, refresh
from segments.models import Membership, MembershipChange
from segments.recomputation import advance_recomputation
from tests.conftest import Company
from tests.oracle import facts
from tests.segments.histories import store_events, store_person

BOUGHT = {"did": "purchased"}


def in_thread(work: Callable[[], None]) -> Callable[[], None]:
    """Start work on a connection of its own; returns what waits for it and raises what it raised."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as failure:
            failures.append(failure)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()

    def finish() -> None:
        thread.join(timeout=30)
        assert not thread.is_alive(), "the other connection is still waiting"
        if failures:
            raise failures[0]

    return finish


def wait_until_somebody_waits_for_a_lock() -> None:
    for _ in range(500):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")  # the view is a snapshot a transaction
            cursor.execute(
                "SELECT count(*), pg_sleep(0.01) FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0]:
                return
    raise AssertionError("nobody waited for the lock")


def bought(person_id: UUID, company: Company, message: str) -> None:
    event = facts.Event(name="purchased", occurred_at=datetime.now(UTC), message_id=message)
    store_events(tenant_id=company.tenant.pk, person_id=person_id, events=(event,), now=datetime.now(UTC))


def members(company: Company) -> set[UUID]:
    with company.scope():
        return set(Membership.objects.filter(is_member=True).values_list("person_id", flat=True))


def saved_segment(company: Company, condition: Any = None) -> Any:
    with company.scope():
        saved, _ = save_segment(name="Bought", condition=condition or BOUGHT)
    while advance_recomputation(tenant_id=company.tenant.pk):
        pass
    return saved


@pytest.mark.django_db(transaction=True)
def test_two_drains_of_one_person__older_one_waiting__stores_the_newer_answer(acme: Company) -> None:
    """Planted bug: reading the instant before the lock makes the second drain store its older answer (seen to fail)."""
    saved_segment(acme)
    with acme.scope():
        who = store_person(tenant_id=acme.tenant.pk, person=facts.Person(), now=datetime.now(UTC))

    def second_drain() -> None:
        with acme.scope():
            refresh(person_ids=lock_people([who]))

    with acme.scope():
        lock_people([who])
        finish = in_thread(second_drain)
        wait_until_somebody_waits_for_a_lock()
        bought(who, acme, "m1")
        refresh(person_ids=[who])
    finish()

    assert members(acme) == {who}
    with acme.scope():
        assert MembershipChange.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_swap__while_a_drain_has_evaluated_both_versions__waits_and_loses_no_entry(acme: Company) -> None:
    """Planted bug: without the shared lock of `share_definitions` the swap misses the entry (seen to fail)."""
    saved = saved_segment(acme, {"did": "never_happens"})
    with acme.scope():
        who = store_person(tenant_id=acme.tenant.pk, person=facts.Person(), now=datetime.now(UTC))
    with acme.scope():
        save_segment(segment=saved, name="Bought", condition=BOUGHT)
    assert advance_recomputation(tenant_id=acme.tenant.pk)  # everybody is done; only the swap is left

    def swap() -> None:
        advance_recomputation(tenant_id=acme.tenant.pk)

    with acme.scope():
        lock_people([who])
        bought(who, acme, "m1")
        refresh(person_ids=[who])
        finish = in_thread(swap)
        wait_until_somebody_waits_for_a_lock()
    finish()

    assert members(acme) == {who}
    with acme.scope():
        saved.refresh_from_db()
        assert saved.live_version == 2
        assert list(MembershipChange.objects.values_list("person_id", "entered")) == [(who, True)]


@pytest.mark.django_db(transaction=True)
def test_recompute_chunk__person_locked_by_a_drain__sees_what_the_drain_stored(acme: Company) -> None:
    with acme.scope():
        who = store_person(tenant_id=acme.tenant.pk, person=facts.Person(), now=datetime.now(UTC))

    def chunk() -> None:
        advance_recomputation(tenant_id=acme.tenant.pk)

    with acme.scope():
        lock_people([who])
        finish: Callable[[], None]

        def define() -> None:
            with acme.scope():
                save_segment(name="Bought", condition=BOUGHT)

        in_thread(define)()
        finish = in_thread(chunk)
        wait_until_somebody_waits_for_a_lock()
        bought(who, acme, "m1")
        refresh(person_ids=[who])
    finish()
    while advance_recomputation(tenant_id=acme.tenant.pk):
        pass

    assert members(acme) == {who}
