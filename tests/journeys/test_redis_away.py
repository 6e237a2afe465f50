"""Redis stops in the middle of the day: apps notice nothing, and when it is back everything is caught up with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from celery import current_app
from django.db import connection
from limits import parse
from redis.connection import Connection, UnixDomainSocketConnection

from config.embedded.valkey import Valkey
from events import nudges
from events.models import Person
from segments.definitions import save_segment
from segments.membership import lock_people
from segments.models import Membership
from segments.recomputation import advance_recomputation
from segments.tasks import sweep
from tenants import quick_redis
from tenants.quick_redis import PAUSE_SECONDS, client_of
from tests.conftest import Company
from tests.events.senders import batch, events_of, send, track
from tests.workers import take_turn

pytestmark = pytest.mark.django_db(transaction=True)
PEOPLE = 30


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each try to connect to a Redis, be it the cache or the queue."""
    tried: list[str] = []

    def counting(connect: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def counted(self: Any) -> Any:
            tried.append(str(self))
            return connect(self)

        return counted

    for kind in (Connection, UnixDomainSocketConnection):
        monkeypatch.setattr(kind, "_connect", counting(kind._connect))
    return tried


@pytest.fixture
def buyers(acme: Company) -> Company:
    with acme.scope():
        save_segment(name="Buyers", condition={"did": "purchased"})
    while advance_recomputation(tenant_id=acme.tenant.pk):
        pass
    return acme


def members(company: Company) -> int:
    with company.scope():
        return Membership.objects.filter(is_member=True).count()


def undigested(company: Company) -> int:
    with company.scope():
        return Person.objects.filter(touched_at__isnull=False).count()


def ask_everything(company: Company, whom: str) -> list[int]:
    return [
        batch(company, track("purchased", userId=whom, messageId=whom)).status_code,
        send("decide", {"userId": whom}, auth=company.write_auth).status_code,
        send("reports", {"reports": [{}]}, auth=company.write_auth).status_code,
    ]


def test_redis__stopped_and_started_again__is_missed_by_nobody(
    buyers: Company, redis_of_our_own: Valkey, settings: Any, attempts: list[float]
) -> None:
    """Planted bug: without the pause after a failure each request tried to connect again (seen to fail)."""
    settings.KEY_REQUEST_LIMIT = parse("3/minute")
    redis_of_our_own.stop()
    attempts.clear()

    began = time.monotonic()
    answers = [status for number in range(PEOPLE) for status in ask_everything(buyers, f"u{number}")]
    pauses = 1 + (time.monotonic() - began) // PAUSE_SECONDS

    assert set(answers) == {200}
    assert len(events_of(buyers)) == PEOPLE
    assert len(attempts) <= 2 * pauses, "one for the limits, one for the nudges"

    redis_of_our_own.start()
    for breaker in (quick_redis.breaker, nudges.breaker):
        breaker.reset()  # the pause would be over by itself
    sweep()
    while take_turn():
        pass

    assert members(buyers) == PEOPLE
    assert set(ask_everything(buyers, "late")) == {200}
    assert ask_everything(buyers, "later") == [429, 429, 429]
    assert take_turn() == ("segments.drain", str(buyers.tenant.pk))
    assert members(buyers) == PEOPLE + 1


def test_queue__away_by_itself__costs_a_try_and_leaves_no_nudge_behind(
    buyers: Company, redis_of_our_own: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted bug: the key of a nudge that was never queued kept the next ones away for 30 s (seen to fail)."""
    with monkeypatch.context() as patch:
        patch.setattr(current_app.conf, "broker_url", "redis://127.0.0.1:1/0")
        patch.setattr(current_app, "_pool", None)
        patch.setattr(current_app.amqp, "_producer_pool", None)
        answers = [batch(buyers, track("purchased", userId=f"u{n}", messageId=f"u{n}")).status_code for n in range(5)]

    assert answers == [200] * 5
    assert nudges.breaker.is_paused
    nudges.resume()
    sweep()
    while take_turn():
        pass
    assert members(buyers) == 5


@pytest.fixture
def worker(redis_of_our_own: Valkey, settings: Any, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A real worker of the live queue, on the database of the tests; it logs to `worker.log`."""
    url = urlsplit(settings.DATABASE_URL)._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    addresses = redis_of_our_own.state.addresses
    command = [
        sys.executable, "-m", "celery", "--app=config.celery", "--quiet", "worker", "--queues=live", "--concurrency=2",
        "--without-gossip", "--without-mingle", "--without-heartbeat",
    ]  # fmt: skip
    environment = os.environ | {
        "DATABASE_URL": url,
        "REDIS_URL": addresses.redis_url,
        "NUNCHI_BROKER_URL": addresses.broker_url,
        "NUNCHI_SECRET_KEY": settings.SECRET_KEY,
        "PYTHONWARNINGS": "ignore",
    }
    with (
        (tmp_path / "worker.log").open("wb") as log,
        subprocess.Popen(
            command, cwd=settings.BASE_DIR, env=environment, start_new_session=True, stdout=log, stderr=log
        ) as process,
    ):
        yield process
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def wait_until(holds: Callable[[], bool], worker: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if holds():
            return
        assert worker.poll() is None, "the worker has died"
        time.sleep(0.1)
    raise AssertionError("it did not come about in a minute")


def test_worker__with_tasks_in_hand_when_redis_goes__outlives_it_and_goes_on(
    buyers: Company, globex: Company, redis_of_our_own: Valkey, worker: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    """Planted bugs: acknowledging tasks when they are done, and giving back those not begun, each killed the worker.

    (Seen to fail.) With it `manage.py up` stopped everything.
    """
    redis = client_of(redis_of_our_own.state.addresses.redis_url)
    nudges.breaker.fail()  # until both are locked
    for company in (buyers, globex):
        batch(company, track("purchased", userId="anna", messageId="m1"))
    nudges.resume()

    with buyers.scope():
        lock_people(list(Person.objects.values_list("person_id", flat=True)))
        with globex.scope():
            lock_people(list(Person.objects.values_list("person_id", flat=True)))
        for company in (buyers, globex):
            nudges.nudge("segments.drain", tenant_id=company.tenant.pk)
        wait_until(lambda: waiting_for_locks() == 2, worker)
        nudges.nudge("segments.sweep_due", tenant_id=buyers.tenant.pk)
        wait_until(lambda: bool(redis.hlen("unacked")), worker)
        # Of its connections the worker is to miss that of its remote control first.
        os.kill(worker.pid, signal.SIGSTOP)
        redis.client_kill_filter(_type="pubsub")
        os.kill(redis_of_our_own.pid or 0, signal.SIGKILL)
        os.kill(worker.pid, signal.SIGCONT)
        wait_until(lambda: "Cannot connect" in (tmp_path / "worker.log").read_text(), worker)
    wait_until(lambda: not undigested(buyers) and not undigested(globex), worker)
    redis_of_our_own.start()
    nudges.resume()
    batch(buyers, track("purchased", userId="bob", messageId="m2"))

    wait_until(lambda: members(buyers) == 2, worker)


def waiting_for_locks() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # the view is a snapshot a transaction
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return cursor.fetchone()[0]
