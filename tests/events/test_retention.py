"""What a tenant does not keep is deleted, what it keeps is not, and nobody's ingestion is harmed by it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import OperationalError, connection

from events import retention
from events.models import Event, Receipt, RejectedItem, TraitChange
from events.partitions import drop_partitions, make_partitions
from events.retention import delete_expired, tenants_with_retention
from events.tasks import apply_retention, drop_event_partitions
from segments.models import MembershipChange
from tenants.models import Tenant
from tests.conftest import Company
from tests.events.senders import batch, events_of, identify, track
from tests.segments.people import does, meet
from tests.segments.test_races import in_thread, wait_until_somebody_waits_for_a_lock
from tests.workers import take_turn

DAY = timedelta(days=1)


def keep(company: Company, days: int | None) -> None:
    with company.scope():
        Tenant.objects.update(retention_days=days)


def stored(company: Company, *ages: timedelta, name: str = "opened") -> None:
    """Events of one person, each so long ago."""
    with company.scope():
        who = meet(company, "anna")
        for age in ages:
            does(company, who, name, ago=age)


def expire(company: Company, chunks: int = 100) -> bool:
    return delete_expired(tenant_id=company.tenant.pk, now=datetime.now(UTC), chunks=chunks)


def ages(company: Company) -> list[int]:
    return [(datetime.now(UTC) - event.occurred_at).days for event in events_of(company)]


@pytest.mark.django_db
def test_retention__of_a_tenant__deletes_its_older_events_alone(acme: Company, globex: Company) -> None:
    keep(acme, 30)
    stored(acme, 31 * DAY, 400 * DAY, 29 * DAY, 30 * DAY - timedelta(minutes=1))
    stored(globex, 400 * DAY)

    assert expire(acme)

    assert ages(acme) == [29, 29]
    assert ages(globex) == [400]
    assert tenants_with_retention() == [acme.tenant.pk]


@pytest.mark.django_db
def test_retention__none__keeps_everything(acme: Company) -> None:
    stored(acme, 4_000 * DAY)

    assert expire(acme)

    assert ages(acme) == [4_000]
    assert tenants_with_retention() == []


@pytest.mark.django_db
def test_retention__by_chunks__leaves_off_and_goes_on(acme: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "CHUNK", 3)
    keep(acme, 30)
    stored(acme, *(40 * DAY + n * timedelta(hours=1) for n in range(10)), 1 * DAY)

    finished = expire(acme, chunks=2)
    left = len(events_of(acme))

    assert (finished, left) == (False, 5)
    assert expire(acme)
    assert ages(acme) == [1]


@pytest.mark.django_db
def test_retention__histories_of_traits_and_memberships__stay(acme: Company) -> None:
    keep(acme, 1)
    batch(acme, identify("anna", {"city": "Seoul"}), track(userId="anna"))
    old = datetime.now(UTC) - 90 * DAY
    with acme.scope():
        person_id = Event.objects.get().person_id
        MembershipChange.objects.create(
            tenant_id=acme.tenant.pk, person_id=person_id, segment_id=UUID(int=1), changed_at=old, entered=True,
            reason="facts",
        )  # fmt: skip

    expire(acme)

    with acme.scope():
        assert (TraitChange.objects.count(), MembershipChange.objects.count()) == (1, 1)
    assert events_of(acme) == []


@pytest.mark.django_db
def test_retention__rejected_items__go_with_the_events_of_their_time(acme: Company) -> None:
    keep(acme, 30)
    with acme.scope():
        for age in (31 * DAY, 29 * DAY):
            RejectedItem.objects.create(
                tenant_id=acme.tenant.pk, at=datetime.now(UTC) - age, code="missing_event", message="", item=""
            )

    expire(acme)

    with acme.scope():
        assert RejectedItem.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_retention__event_held_by_somebody__is_left_for_the_next_day(acme: Company) -> None:
    """Planted bug: without SKIP LOCKED it waited for a merge that moves the person's events (seen to fail)."""
    keep(acme, 30)
    stored(acme, 40 * DAY, 41 * DAY)

    with acme.scope():
        assert Event.objects.select_for_update().order_by("occurred_at").first()
        in_thread(lambda: expire(acme) or None)()
        assert ages(acme) == [41]

    expire(acme)
    assert events_of(acme) == []


@pytest.mark.django_db(transaction=True)
def test_retention__receipts__promise_just_the_events_that_are_there(acme: Company) -> None:
    """Planted bug: deleting all the same left a receipt without the event that it promised (seen to fail)."""
    keep(acme, 1)
    batch(acme, *(track(userId="anna", messageId=message_id) for message_id in "ab"))

    with acme.scope():
        held = Receipt.objects.select_for_update().order_by("event_id").first()
        assert held
        in_thread(lambda: expire(acme) or None)()
    while_held = [event.event_id for event in events_of(acme)]
    with acme.scope():
        promised = list(Receipt.objects.filter(occurred_at__isnull=False).values_list("event_id", flat=True))
    expire(acme)

    assert while_held == promised == [held.event_id]
    assert events_of(acme) == []
    with acme.scope():
        assert list(Receipt.objects.values_list("occurred_at", flat=True)) == [None, None]


# --- partitions -----------------------------------------------------------------------------------


def leaves() -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, pg_get_expr(relpartbound, pg_class.oid) FROM pg_inherits "
            "JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'events_event'::regclass"
        )
        return dict(cursor.fetchall())


def months(count: int) -> list[str]:
    """The names of the latest months' partitions up to this month's, oldest first."""
    first = datetime.now(UTC).replace(day=1)
    names = []
    for _ in range(count):
        names.append(f"events_event_{first:%Y_%m}")
        first = (first - DAY).replace(day=1)
    return names[::-1]


def since(name: str) -> timedelta:
    """How long ago the middle of a month's partition was."""
    return datetime.now(UTC) - datetime.strptime(f"{name[-7:]}_15", "%Y_%m_%d").replace(tzinfo=UTC)


def remake_past(*, until: datetime, months: list[str]) -> None:
    """The first partition, up to a month, and none of these."""
    with connection.as_owner(), connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {', '.join(['events_event_past', *months])}")
        cursor.execute(
            "CREATE TABLE events_event_past PARTITION OF events_event "
            f"FOR VALUES FROM (MINVALUE) TO ('{until:%Y-%m}-01 00:00+00')"
        )


@pytest.fixture
def half_a_year(transactional_db: None) -> Iterator[list[str]]:
    """An installation that has been there for half a year, with a partition a month; yields their names."""
    names = months(7)
    began = datetime.strptime(names[0][-7:], "%Y_%m").replace(tzinfo=UTC)
    remake_past(until=began, months=[])
    with connection.as_owner(), connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TABLE {names[0]} PARTITION OF events_event "
            f"FOR VALUES FROM ('{began}') TO ('{(began + 31 * DAY).replace(day=1)}')"
        )
    make_partitions()
    yield names
    remake_past(until=datetime.now(UTC), months=names[:-1])


def test_partitions__that_no_tenant_keeps__are_dropped_and_old_events_still_find_room(
    half_a_year: list[str], acme: Company, globex: Company
) -> None:
    keep(acme, 30)
    keep(globex, 65)

    drop_partitions()

    assert not {*half_a_year[:3]} & {*leaves()}
    assert {*half_a_year[-3:]} < {*leaves()}
    first = min(name for name in leaves() if name[-1].isdigit())
    assert leaves()["events_event_past"] == (
        f"FOR VALUES FROM (MINVALUE) TO ('{first[-7:].replace('_', '-')}-01 00:00:00+00')"
    )
    for age in (5, 100, 150, 2_000):
        at = (datetime.now(UTC) - age * DAY).isoformat()
        assert batch(acme, track(userId="anna", timestamp=at, messageId=str(age))).status_code == 200
    assert sorted(ages(acme)) == [5, 100, 150, 2_000]
    with acme.scope(), pytest.raises(Exception, match="permission denied"), connection.cursor() as cursor:
        cursor.execute("SELECT FROM events_event_past")


@pytest.mark.parametrize("days", [None, 4_000])
def test_partitions__that_one_tenant_keeps__stay(
    half_a_year: list[str], acme: Company, globex: Company, days: int | None
) -> None:
    """Planted bug: without asking whether every tenant has a retention, months of Globex went (seen to fail)."""
    keep(acme, 30)
    keep(globex, days)
    before = leaves()

    drop_partitions()

    assert leaves() == before


def test_partitions__with_events_left__stay_until_these_are_deleted(half_a_year: list[str], acme: Company) -> None:
    """Planted bug: dropping whatever is old lost the events of accepted messages unseen (seen to fail)."""
    keep(acme, 30)
    stored(acme, since(half_a_year[0]))

    drop_partitions()
    kept = {*half_a_year} <= {*leaves()}
    expire(acme)
    drop_partitions()

    assert kept
    assert not {*half_a_year[:4]} & {*leaves()}


def test_partitions__into_which_somebody_stores__are_left_for_the_next_day(
    half_a_year: list[str], acme: Company
) -> None:
    """Planted bug: without looking again under the lock the event was dropped with its partition (seen to fail)."""
    keep(acme, 30)

    with acme.scope():
        does(acme, meet(acme, "anna"), "opened", ago=since(half_a_year[0]))
        with pytest.raises(OperationalError):
            in_thread(drop_partitions)()
        finish = in_thread(drop_partitions)
        wait_until_somebody_waits_for_a_lock()
    with suppress(OperationalError):  # on a machine so slow that it did not wait for long enough
        finish()

    assert {*half_a_year} <= {*leaves()}
    assert len(events_of(acme)) == 1


@pytest.mark.usefixtures("redis_of_our_own")
def test_apply_retention__every_day__does_both_for_all_tenants(
    half_a_year: list[str], acme: Company, globex: Company
) -> None:
    for company in (acme, globex):
        keep(company, 30)
        stored(company, 100 * DAY, 1 * DAY)

    apply_retention()
    names = sorted(name for name, _ in iter(lambda: take_turn("default"), None))
    drop_event_partitions()

    assert names == ["events.delete_expired", "events.delete_expired", "events.drop_partitions"]
    assert (ages(acme), ages(globex)) == ([1], [1])
    assert not {*half_a_year[:4]} & {*leaves()}
