"""Editing and deleting definitions while people are evaluated, and by two at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from segments import definitions, editing
from segments.definitions import delete_segment, save_segment, share_definitions
from segments.membership import lock_people, refresh
from segments.models import Membership, MembershipChange, Segment
from segments.recomputation import advance_recomputation
from tests.concurrency import in_thread, wait_until_somebody_waits_for_a_lock
from tests.conftest import Company
from tests.oracle import facts
from tests.segments.histories import store_person
from tests.segments.test_races import BOUGHT, bought, saved_segment


@pytest.mark.django_db(transaction=True)
def test_delete__while_a_drain_has_loaded_the_segment__waits_and_leaves_no_rows(
    acme: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted bug: deleting without the swap's lock left rows that came due for ever (seen to fail)."""
    saved = saved_segment(acme, {"did": "purchased", "within": "1h"})
    with acme.scope():
        who = store_person(tenant_id=acme.tenant.pk, person=facts.Person(), now=datetime.now(UTC))
        bought(who, acme, "m1")

    def delete() -> None:
        with acme.scope():
            delete_segment(segment=saved)

    with acme.scope():
        lock_people([who])
        share_definitions()
        finish = in_thread(delete)
        wait_until_somebody_waits_for_a_lock()
        refresh(person_ids=[who])
    finish()

    with acme.scope():
        assert not Membership.objects.exists()
        assert not MembershipChange.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_definition__edited_again_before_it_was_in_force__leaves_no_rows_of_the_former(acme: Company) -> None:
    saved = saved_segment(acme, {"did": "never_happens"})
    with acme.scope():
        who = store_person(tenant_id=acme.tenant.pk, person=facts.Person(), now=datetime.now(UTC))
        bought(who, acme, "m1")
        save_segment(segment=saved, name="Bought", condition={"did": "purchased", "within": "1h"})
    with acme.scope():
        refresh(person_ids=lock_people([who]))
    with acme.scope():
        save_segment(segment=saved, name="Bought", condition={"did": "purchased", "within": "2h"})

    with acme.scope():
        assert not Membership.objects.filter(version=2).exists()


@pytest.mark.django_db(transaction=True)
def test_save__while_the_swap_is_due__does_not_deadlock(acme: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted bug: locking the segment before the run's row, against the swap's order (seen to fail)."""
    saved = saved_segment(acme)
    with acme.scope():
        save_segment(segment=saved, name="Bought", condition={"did": "b"})
    inside, go = threading.Event(), threading.Event()
    add_versions = definitions._add_versions

    def slowly(segments: Any) -> None:
        inside.set()
        go.wait(10)
        add_versions(segments)

    def edit() -> None:
        with acme.scope():
            save_segment(segment=saved, name="Bought", condition={"did": "c"})

    monkeypatch.setattr(definitions, "_add_versions", slowly)
    finish = in_thread(edit)
    assert inside.wait(10)
    threading.Timer(0.3, go.set).start()
    while advance_recomputation(tenant_id=acme.tenant.pk):
        pass
    finish()
    while advance_recomputation(tenant_id=acme.tenant.pk):
        pass

    with acme.scope():
        saved.refresh_from_db()
        assert (saved.version, saved.live_version) == (3, 3)


@pytest.mark.django_db(transaction=True)
def test_edits__of_a_segment_and_of_one_that_names_it__do_not_deadlock(
    acme: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted bug: a segment's row locked before the editors' lock (seen to fail)."""
    with acme.scope():
        inner, _ = save_segment(name="Inner", condition=BOUGHT)
        outer, _ = save_segment(name="Outer", condition={"segment": str(inner.pk)})
    barrier = threading.Barrier(2, timeout=10)
    lock = definitions.lock_definitions

    def together() -> None:
        if not locked.is_set():
            locked.set() if barrier.wait() == 0 else None
        lock()

    locked = threading.Event()
    monkeypatch.setattr(editing, "lock_definitions", together)

    def edit(saved: Segment, condition: Any) -> Callable[[], None]:
        def work() -> None:
            with acme.scope():
                editing.edit_segment(
                    segment=saved, name=saved.name, description="", condition=condition,
                    by={"actor": None, "address": None},
                )  # fmt: skip

        return in_thread(work)

    finish = [edit(inner, {"did": "b"}), edit(outer, {"all": [{"segment": str(inner.pk)}]})]
    for wait in finish:
        wait()
    while advance_recomputation(tenant_id=acme.tenant.pk):
        pass

    with acme.scope():
        assert [s.version == s.live_version for s in Segment.objects.all()] == [True, True]
