"""Orders that must not matter, forced on two connections."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from events.models import Person
from segments.conditions.questions import Setting
from segments.definitions import save_segment
from segments.draining import drain, sweep_due
from segments.membership import current_setting, lock_people, refresh
from segments.models import Membership, MembershipChange, Segment
from segments.recomputation import advance_recomputation
from tests.concurrency import Halt, in_thread, wait_until_somebody_waits_for_a_lock
from tests.conftest import Company
from tests.events.senders import batch, people_of, track
from tests.oracle import facts
from tests.segments.histories import store_events, store_person, touch
from tests.traces import misplaced_rows

BOUGHT = {"did": "purchased"}


def bought(person_id: UUID, company: Company, message: str) -> None:
    event = facts.Event(name="purchased", occurred_at=datetime.now(UTC), message_id=message)
    store_events(tenant_id=company.tenant.pk, person_id=person_id, events=(event,), now=datetime.now(UTC))
    touch(person_id=person_id)


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
        touch(person_id=who)  # or the second would find nothing to evaluate
    finish()

    assert members(acme) == {who}
    with acme.scope():
        assert MembershipChange.objects.count() == 1


CART_LEFT = {"did": "added_to_cart", "then_not": {"did": "purchased"}, "after": "10m", "for": "24h"}


def come_due(company: Company) -> UUID:
    """Somebody whose cart was left ten minutes ago, which nobody has noticed yet."""
    with company.scope():
        cart = facts.Event(
            name="added_to_cart", occurred_at=datetime.now(UTC) - timedelta(minutes=11), message_id="cart"
        )
        who = store_person(tenant_id=company.tenant.pk, person=facts.Person(events=(cart,)), now=datetime.now(UTC))
        Person.objects.update(touched_at=None)
        segment = Segment.objects.get()
        Membership.objects.create(
            tenant_id=company.tenant.pk, person_id=who, segment_id=segment.pk, version=1, is_member=False,
            valid_until=datetime.now(UTC) - timedelta(minutes=1), since=datetime.now(UTC) - timedelta(minutes=11),
        )  # fmt: skip
    return who


@pytest.mark.django_db(transaction=True)
def test_due_sweep__waiting_for_a_drain__sees_what_the_drain_saw(acme: Company) -> None:
    """Planted bug: sweeping as of the instant at which the due were found let somebody enter who had just bought, and
    left them a member (seen to fail)."""
    saved_segment(acme, CART_LEFT)
    who = come_due(acme)

    with acme.scope():
        lock_people([who])
        finish = in_thread(lambda: sweep_due(tenant_id=acme.tenant.pk))
        wait_until_somebody_waits_for_a_lock()
        bought(who, acme, "m1")
        refresh(person_ids=[who])
        touch(person_id=who)  # or the sweep would find nothing to evaluate
    finish()

    assert members(acme) == set()
    with acme.scope():
        assert not MembershipChange.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_drain__waiting_for_a_due_sweep__records_the_exit_after_the_entry(
    acme: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved_segment(acme, CART_LEFT)
    who = come_due(acme)
    halt = Halt(monkeypatch, "segments.draining.refresh")
    finish_sweep = in_thread(lambda: sweep_due(tenant_id=acme.tenant.pk))
    halt.wait_until_reached()

    def buy_and_drain() -> None:
        with acme.scope():
            locked = lock_people([who])
            bought(who, acme, "m1")
            refresh(person_ids=locked)

    finish_drain = in_thread(buy_and_drain)
    wait_until_somebody_waits_for_a_lock()
    halt.go_on()
    finish_sweep()
    finish_drain()

    assert members(acme) == set()
    with acme.scope():
        changes = MembershipChange.objects.order_by("changed_at").values_list("entered", "reason")
        assert list(changes) == [(True, "time"), (False, "facts")]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("merge_is_first", [True, False])
def test_swap__while_a_member_becomes_an_alias__notes_nothing_about_the_alias(
    acme: Company, merge_is_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted bug: a merge that did not hold off the swap left rows of the alias and of the old version (seen to
    fail)."""
    saved = saved_segment(acme)
    batch(acme, track("purchased", anonymousId="anon"), track("opened", userId="u"))
    drain(tenant_id=acme.tenant.pk)
    with acme.scope():
        save_segment(segment=saved, name="Bought", condition={"did": "opened"})
    assert advance_recomputation(tenant_id=acme.tenant.pk)  # everybody is done; only the swap is left

    def merge() -> None:
        assert batch(acme, track("seen", anonymousId="anon", userId="u")).status_code == 200

    def swap() -> None:
        advance_recomputation(tenant_id=acme.tenant.pk)

    first, second = (merge, swap) if merge_is_first else (swap, merge)
    halt = Halt(
        monkeypatch, "events.ingestion.log_rejections" if merge_is_first else "segments.recomputation.hold_definitions"
    )
    finish_first = in_thread(first)
    halt.wait_until_reached()
    finish_second = in_thread(second)
    wait_until_somebody_waits_for_a_lock()
    halt.go_on()
    finish_first()
    finish_second()
    drain(tenant_id=acme.tenant.pk)

    assert misplaced_rows() == []
    with acme.scope():
        assert {row.version for row in Membership.objects.all()} == {2}
    assert members(acme) == {people_of(acme)["u"].person_id}


@pytest.mark.django_db(transaction=True)
def test_person_view__waiting_for_a_merge__shows_whom_they_became(
    acme: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted bug: showing what was read before the wait (seen to fail)."""
    saved_segment(acme)
    batch(acme, track("purchased", anonymousId="anon"), track("opened", userId="u"))
    halt = Halt(monkeypatch, "events.ingestion.log_rejections")
    finish_merging = in_thread(lambda: batch(acme, track("seen", anonymousId="anon", userId="u")))
    halt.wait_until_reached()
    view = in_thread(lambda: Client().get("/api/v1/people/anonymous_id/anon", **acme.server_auth).json())
    wait_until_somebody_waits_for_a_lock()

    halt.go_on()
    finish_merging()

    shown = view()
    assert shown["person_id"] == str(people_of(acme)["u"].person_id)
    assert [segment["name"] for segment in shown["segments"]] == ["Bought"]


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


@pytest.mark.django_db(transaction=True)
def test_recompute_chunk__newcomer_digested_meanwhile__is_left_as_they_are(
    acme: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted bug: evaluating the chunk's whole range overwrote the unlocked newcomer's answer (seen to fail)."""
    with acme.scope():
        save_segment(name="Bought", condition=BOUGHT)
        store_person(tenant_id=acme.tenant.pk, person=facts.Person(), now=datetime.now(UTC))
    newcomers: list[UUID] = []

    def arrive() -> None:
        with acme.scope():
            for _ in range(8):  # one of them at least lies before the person of the chunk
                who = store_person(tenant_id=acme.tenant.pk, person=facts.Person(), now=datetime.now(UTC))
                bought(who, acme, "m1")
                newcomers.append(who)
            refresh(person_ids=lock_people(newcomers))

    def late_setting() -> Setting:
        setting = current_setting()
        in_thread(arrive)()
        return setting

    with monkeypatch.context() as patch:
        patch.setattr("segments.recomputation.current_setting", late_setting)
        assert advance_recomputation(tenant_id=acme.tenant.pk)
    while advance_recomputation(tenant_id=acme.tenant.pk):
        pass

    assert members(acme) == set(newcomers)
