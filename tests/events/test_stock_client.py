"""The reference protocol's own Python client, unmodified, against a running web server: everything is stored once.

A shim stands before the server and answers in its place, or keeps its answers back, as networks and busy servers do.
"""

from __future__ import annotations

import atexit
import gzip
import http.client
import json
import socket
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
from segment.analytics import request as client_request
from segment.analytics.client import Client
from segment.analytics.consumer import Consumer

from events.models import Event, Receipt, RejectedItem
from tests.conftest import Company
from tests.events.processes import web_server
from tests.events.senders import aliases_of, people_of

pytestmark = pytest.mark.django_db(transaction=True)
PEOPLE = 6
T0 = datetime(2026, 1, 5, 10, tzinfo=UTC)


class Shim(ThreadingHTTPServer):
    """Passes requests on; of the first ones each suffers the next fault.

    “cut”: the server stores the batch, and the connection ends before its answer; “lost”: it ends before the server
    hears of it; a number: this status instead, 429 and 503 with Retry-After.
    """

    def __init__(self, target: str, faults: Iterable[str]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.target = urlsplit(target).netloc
        self.faults = iter(faults)
        self.sent: Counter[str] = Counter()
        self.reached: Counter[str] = Counter()
        self.encodings: set[str] = set()
        self.suffered: list[str] = []
        self.lock = threading.Lock()

    def next_fault(self) -> str:
        with self.lock:
            fault = next(self.faults, "")
            self.suffered += [fault] if fault else []
            return fault

    def note(self, counter: Counter[str], body: bytes, encoding: str) -> None:
        batch = json.loads(gzip.decompress(body) if encoding == "gzip" else body)["batch"]
        with self.lock:
            self.encodings.add(encoding)
            counter.update(item["messageId"] for item in batch)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Shim

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        encoding = self.headers.get("Content-Encoding", "")
        self.server.note(self.server.sent, body, encoding)
        fault = self.server.next_fault()
        if fault.isdigit():
            wait = {"Retry-After": "1"} if fault in ("429", "503") else {}
            self.answer(int(fault), json.dumps({"code": "shim", "message": "not now"}).encode(), wait)
            return
        if fault == "lost":
            self.hang_up()
            return
        upstream = http.client.HTTPConnection(self.server.target, timeout=30)
        upstream.request("POST", self.path, body, dict(self.headers.items()))
        answer = upstream.getresponse()
        content = answer.read()
        upstream.close()
        self.server.note(self.server.reached, body, encoding)
        if fault == "cut":
            self.hang_up()
        else:
            self.answer(answer.status, content, {})

    def answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *args: Any) -> None:
        """Nobody reads it."""


@pytest.fixture(scope="module")
def server(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with web_server(port) as address:
        yield address


@contextmanager
def shim_before(server: str, faults: Iterable[str]) -> Iterator[Shim]:
    with Shim(server, faults) as shim:
        thread = threading.Thread(target=shim.serve_forever)
        thread.start()
        try:
            yield shim
        finally:
            shim.shutdown()
            thread.join()


@contextmanager
def stock_client(company: Company, shim: Shim, **options: Any) -> Iterator[tuple[Client, list[Any]]]:
    """The client, with what it gave up; on leaving everything is sent and its threads have ended."""
    failures: list[Any] = []
    client = Client(
        company.write_key,
        host=f"http://127.0.0.1:{shim.server_port}",
        on_error=lambda error, items: failures.append((error, items)),
        upload_interval=0.05,
        upload_size=7,
        **options,
    )
    atexit.unregister(client.join)
    try:
        yield client, failures
        client.flush()
    finally:
        # client.join() ends only the last of several threads.
        consumers = [thread for thread in threading.enumerate() if isinstance(thread, Consumer)]
        for consumer in consumers:
            consumer.pause()
        for consumer in consumers:
            consumer.join()
        client_request._session.close()


def live_through_a_day(client: Client, number: int) -> list[dict[str, Any]]:
    """All that one person of an app makes its client send; returns the messages."""
    user, visitor = f"user-{number}", f"visitor-{number}"
    times = (T0 + timedelta(seconds=second) for second in range(1_000))
    calls = [
        client.page(anonymous_id=visitor, category="Shop", name="Home", timestamp=next(times)),
        client.alias(visitor, user, timestamp=next(times)),
        client.identify(user, {"plan": "free", "email": f"{user}@example.com"}, timestamp=next(times)),
        client.track(user, "product_liked", {"product": "Moon Lamp", "price": 12.5}, timestamp=next(times)),
        client.screen(user, "Shop", "Cart", timestamp=next(times)),
        client.group(user, "acme", {"seats": 3}, timestamp=next(times)),
        *(client.track(user, "opened", {"n": n}, timestamp=next(times)) for n in range(10)),
        client.identify(user, {"plan": "pro", "n": number}, timestamp=next(times)),
        client.track(anonymous_id=visitor, event="still_known", timestamp=next(times)),
    ]
    assert all(queued for queued, _ in calls)
    return [message for _, message in calls]


FAULTS = {
    "none": [],
    "500": ["500"] * 4,
    "429": ["429", "", "429"],
    "503": ["503", "503"],
    "cut": ["cut"] * 4,
    "lost": ["lost"] * 4,
    "all": ["500", "cut", "", "429", "lost", "cut", "503", "408", "cut", "", "502"],
}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("faults", FAULTS)
def test_stock_client__whatever_happens_on_the_way__everything_is_stored_once(
    acme: Company, server: str, faults: str, packed: bool
) -> None:
    """Planted bug: an event's id was random instead of derived from its message id (seen to fail)."""
    with (
        shim_before(server, FAULTS[faults]) as shim,
        stock_client(acme, shim, gzip=packed, thread=3) as (client, failures),
        ThreadPoolExecutor(3) as pool,
    ):
        days = list(pool.map(lambda number: live_through_a_day(client, number), range(PEOPLE)))

    messages = [message for day in days for message in day]
    assert failures == []
    assert shim.suffered == [fault for fault in FAULTS[faults] if fault]
    assert shim.encodings == {"gzip" if packed else ""}
    assert set(shim.reached) == {message["messageId"] for message in messages}
    again = sum(times - 1 for times in shim.reached.values())
    assert (again > 0) is ("cut" in FAULTS[faults])
    assert_stored(acme, messages)


def assert_stored(company: Company, messages: list[dict[str, Any]]) -> None:
    """Every message once, every trait right, everybody one person, nothing rejected."""
    facts = [message for message in messages if message["type"] not in ("identify", "alias")]
    with company.scope():
        assert Receipt.objects.count() == len(messages)
        assert RejectedItem.objects.count() == 0
        stored = list(Event.objects.all())
    assert Counter(event.message_id for event in stored) == Counter(message["messageId"] for message in facts)
    people = people_of(company)
    assert set(people) == {f"user-{number}" for number in range(PEOPLE)}
    assert set(aliases_of(company)) == {f"visitor-{number}" for number in range(PEOPLE)}
    for number in range(PEOPLE):
        user = people[f"user-{number}"]
        assert user.traits == {"plan": "pro", "email": f"user-{number}@example.com", "n": number}
        mine = [event for event in stored if event.person_id == user.person_id]
        assert Counter(event.name for event in mine) == {
            "page": 1,
            "product_liked": 1,
            "screen": 1,
            "group": 1,
            "opened": 10,
            "still_known": 1,
        }
    by_id = {event.message_id: event for event in stored}
    for message in facts:
        if message["type"] == "track":
            event = by_id[message["messageId"]]
            assert (event.name, event.properties) == (message["event"], message["properties"])
    assert all(event.source == Event.Source.SERVER for event in stored)
