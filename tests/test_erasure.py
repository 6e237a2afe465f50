"""Erasing somebody: nothing of them is left anywhere, whatever else happens at the same moment."""

from __future__ import annotations

import pytest
from django.apps import apps

from events.erasure import erase_person
from events.models import Event, Person, PersonKeyedModel, RejectedItem
from tests.concurrency import Halt, in_thread, wait_until_somebody_waits_for_a_lock
from tests.conftest import Company
from tests.events.senders import people_of
from tests.segments.people import settle
from tests.traces import misplaced_rows, tables_with
from tests.writers import EVERY_WRITER, FACT, TABLET, WRITERS, Somebody, Writer

pytestmark = pytest.mark.django_db(transaction=True)
PERSONAL = {
    model._meta.db_table
    for model in apps.get_models()
    if (issubclass(model, PersonKeyedModel) and model._meta.managed) or model is RejectedItem
}


@pytest.fixture
def somebody(acme: Company) -> Somebody:
    return Somebody(acme)


def test_erasure__of_somebody_whom_every_table_holds__leaves_no_trace_anywhere(somebody: Somebody) -> None:
    """Planted bug: an erase rule of decisions that kept the exposed ones, for the reports (seen to fail)."""
    marks = [FACT, "somebody", *somebody.row_ids]
    assert tables_with(*marks) >= PERSONAL, "planted"

    assert somebody.erase()

    assert tables_with(*marks) == set()
    assert somebody.device.report(somebody.decision, "rendered")["code"] == "invalid_decision"


def test_erasure__of_somebody_who_comes_back__leaves_a_new_person(somebody: Somebody) -> None:
    somebody.erase()

    somebody.device.track("opened")

    assert misplaced_rows() == []
    with somebody.company.scope():
        assert [event.name for event in Event.objects.all()] == ["opened"]
        assert all(row.traits == {} for row in Person.objects.all())


@EVERY_WRITER
def test_erasure__waiting_for_a_writer__takes_what_it_wrote(
    somebody: Somebody, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted bugs: memberships erased without holding off the swap; aliases looked up before the wait alone, so that
    the rejected items of a newer one stayed (both seen to fail)."""
    writer.prepare(somebody)
    marks = [FACT, "somebody", *somebody.row_ids]
    halt = Halt(monkeypatch, writer.last_call)
    finish_writing = in_thread(lambda: writer.act(somebody))
    halt.wait_until_reached()
    finish_erasing = in_thread(somebody.erase)
    wait_until_somebody_waits_for_a_lock()

    halt.go_on()
    finish_writing()
    finish_erasing()
    settle(somebody.company)  # while a recomputation lasts, its place is the id of a person

    assert tables_with(*marks) == set()
    assert misplaced_rows() == []


@EVERY_WRITER
def test_erasure__with_a_writer_waiting__is_complete_and_the_writer_starts_afresh(
    somebody: Somebody, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted bug: ingestion that took the aliases found before the wait for true (seen to fail)."""
    writer.prepare(somebody)
    marks = [FACT, "somebody", *somebody.row_ids]
    halt = Halt(monkeypatch, "events.erasure.forget_people")
    finish_erasing = in_thread(somebody.erase)
    halt.wait_until_reached()
    finish_writing = in_thread(lambda: writer.act(somebody))
    wait_until_somebody_waits_for_a_lock()

    halt.go_on()
    assert finish_erasing()
    finish_writing()
    settle(somebody.company)

    assert tables_with(*([FACT] if writer.brings_a_new_person else marks)) == set()
    assert misplaced_rows() == []
    with somebody.company.scope():
        assert Person.objects.filter(merged_into=None).count() == writer.brings_a_new_person


def test_erasure__of_somebody_who_is_merged_meanwhile__takes_the_whole_person(
    somebody: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted bug: an erasure that found an alias under the lock said that there is nobody (seen to fail)."""
    merge = WRITERS["merge"]
    merge.prepare(somebody)
    tablet = people_of(somebody.company)[TABLET].person_id
    marks = [FACT, "somebody", *somebody.row_ids]
    halt = Halt(monkeypatch, merge.last_call)
    finish_merging = in_thread(lambda: merge.act(somebody))
    halt.wait_until_reached()
    finish_erasing = in_thread(lambda: erase_person(tenant_id=somebody.company.tenant.pk, person_id=tablet))
    wait_until_somebody_waits_for_a_lock()

    halt.go_on()
    finish_merging()

    assert finish_erasing()
    assert tables_with(*marks) == set()
