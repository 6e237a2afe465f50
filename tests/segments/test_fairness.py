"""Tenants take turns: whoever has much to digest does not keep anybody waiting who has little."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from events.models import Person
from events.nudges import nudge
from segments import tasks
from segments.definitions import save_segment
from segments.draining import BATCH, drain
from segments.models import Membership
from segments.recomputation import advance_recomputation
from segments.tasks import BATCHES_A_TURN, sweep
from tests.conftest import Company
from tests.segments.crowds import make_crowd_due, touch_crowd
from tests.segments.people import does, meet
from tests.workers import take_turn

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_of_our_own")]
CROWD = 20_000
A_TURN = BATCHES_A_TURN * BATCH


def undigested(company: Company) -> int:
    with company.scope():
        return Person.objects.filter(touched_at__isnull=False).count()


def segment_of(company: Company) -> Any:
    with company.scope():
        saved, _ = save_segment(name="Buyers", condition={"did": "purchased"})
    while advance_recomputation(tenant_id=company.tenant.pk):
        pass
    return saved


def now() -> datetime:
    return datetime.now(UTC)


def test_drain__of_a_noisy_tenant__lets_a_quiet_one_in_after_a_turn(acme: Company, globex: Company) -> None:
    """Planted bug: a drain until nobody is left digested all 20,000 first (seen to fail)."""
    segment_of(acme), segment_of(globex)
    touch_crowd(tenant_id=acme.tenant.pk, people=CROWD, now=now())
    nudge("segments.drain", tenant_id=acme.tenant.pk)
    with globex.scope():
        who = meet(globex, "anna")
        does(globex, who, "purchased")
    nudge("segments.drain", tenant_id=globex.tenant.pk)

    turns = [take_turn(), take_turn()]

    assert turns == [("segments.drain", str(acme.tenant.pk)), ("segments.drain", str(globex.tenant.pk))]
    assert undigested(acme) == CROWD - A_TURN
    assert undigested(globex) == 0
    with globex.scope():
        assert Membership.objects.get().person_id == who


def test_drain__of_a_noisy_tenant__goes_on_turn_by_turn_to_the_end(acme: Company) -> None:
    touch_crowd(tenant_id=acme.tenant.pk, people=4 * A_TURN, now=now())
    nudge("segments.drain", tenant_id=acme.tenant.pk)

    turns = list(iter(take_turn, None))

    assert len(turns) == 4
    assert undigested(acme) == 0


def test_drain__while_it_runs__is_queued_no_second_time(acme: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted bug: with the nudge's key cleared at the beginning, one tenant could take every worker (seen to fail)."""
    with acme.scope():
        meet(acme, "anna")
    queued = []

    def meanwhile(**kwargs: Any) -> int:
        queued.append(nudge("segments.drain", tenant_id=acme.tenant.pk))
        return drain(**kwargs)

    monkeypatch.setattr(tasks, "drain", meanwhile)
    nudge("segments.drain", tenant_id=acme.tenant.pk)

    assert take_turn()
    assert queued == [False]
    assert take_turn() is None


def test_drain__somebody_came_after_its_last_look__is_queued_again(
    acme: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted bug: without a look after the turn they waited for the sweep (seen to fail)."""
    with acme.scope():
        meet(acme, "anna")

    def late(**kwargs: Any) -> int:
        done = drain(**kwargs)
        with acme.scope():
            meet(acme, "bob")
        nudge("segments.drain", tenant_id=acme.tenant.pk)
        return done

    monkeypatch.setattr(tasks, "drain", late)
    nudge("segments.drain", tenant_id=acme.tenant.pk)
    take_turn()
    monkeypatch.undo()

    assert take_turn() == ("segments.drain", str(acme.tenant.pk))
    assert undigested(acme) == 0


def test_sweep__after_lost_nudges__gives_every_tenant_turns_of_the_same_length(acme: Company, globex: Company) -> None:
    """Planted bug: a sweep that digested by itself kept whoever came later in its list waiting (seen to fail)."""
    saved = segment_of(acme), segment_of(globex)
    touch_crowd(tenant_id=acme.tenant.pk, people=5 * A_TURN, now=now())
    with globex.scope():
        meet(globex, "anna")
    for company, segment in zip((acme, globex), saved, strict=True):
        make_crowd_due(tenant_id=company.tenant.pk, segment_id=segment.pk, at=now() - timedelta(seconds=1))

    sweep()
    assert (undigested(acme), undigested(globex)) == (5 * A_TURN, 1)
    turns = [take_turn() for _ in range(4)]

    assert sorted(filter(None, turns)) == sorted(
        (name, str(company.tenant.pk))
        for name in ("segments.drain", "segments.sweep_due")
        for company in (acme, globex)
    )
    assert undigested(acme) >= 5 * A_TURN - 2 * A_TURN
    assert undigested(globex) == 0
    with globex.scope():
        assert not Membership.objects.filter(valid_until__lt=now()).exists()


def test_sweep__one_tenant_fails__the_others_are_digested(
    acme: Company, globex: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    for company in (acme, globex):
        with company.scope():
            meet(company, "anna")

    def failing(*, tenant_id: Any, batches: int) -> int:
        if tenant_id == acme.tenant.pk:
            raise ZeroDivisionError
        return drain(tenant_id=tenant_id, batches=batches)

    monkeypatch.setattr(tasks, "drain", failing)
    sweep()
    for _ in range(4):
        try:
            take_turn()
        except ZeroDivisionError:
            continue

    assert (undigested(acme), undigested(globex)) == (1, 0)
    assert nudge("segments.drain", tenant_id=acme.tenant.pk), "its turn is over"


def test_recompute__of_a_big_tenant__goes_on_behind_the_others(
    acme: Company, globex: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "CHUNKS_A_TURN", 1)
    touch_crowd(tenant_id=acme.tenant.pk, people=2_500, now=now())
    for company in (acme, globex):
        with company.scope():
            saved, _ = save_segment(name="Buyers", condition={"did": "purchased"})
        nudge("segments.recompute", tenant_id=company.tenant.pk)

    turns = [turn[1] for turn in iter(lambda: take_turn("default"), None)]

    big, small = str(acme.tenant.pk), str(globex.tenant.pk)
    assert turns == [big, small, big, big]
    with acme.scope():
        assert saved.__class__.objects.get().live_version == 1
