"""Two connections at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from events.models import Receipt
from tests.conftest import Company
from tests.events.senders import batch, events_of, people_of, track

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*calls: Any) -> list[Any]:
    """Run each in a thread (and so a connection) of its own, from the same moment on."""
    barrier = Barrier(len(calls))

    def run(call: Any) -> Any:
        try:
            connection.ensure_connection()
            barrier.wait()
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_message__sent_at_once_over_two_connections__is_stored_once(acme: Company) -> None:
    for round_number in range(10):
        items = [track(userId="u", messageId=f"m{round_number}-{n}") for n in range(20)]

        answers = at_once(
            lambda items=items: batch(acme, *items, sentAt="2026-01-05T10:00:01Z"),
            lambda items=items: batch(acme, *reversed(items), sentAt="2026-02-05T10:00:01Z"),
        )

        assert [answer.status_code for answer in answers] == [200, 200]
    assert len(events_of(acme)) == 200
    with acme.scope():
        assert Receipt.objects.count() == 200


def test_link__while_the_anonymous_person_sends__loses_nothing(acme: Company) -> None:
    for n in range(15):
        answers = at_once(
            lambda n=n: batch(acme, *(track(anonymousId=f"a{n}", messageId=f"x{n}-{i}") for i in range(5))),
            lambda n=n: batch(acme, track(anonymousId=f"a{n}", userId=f"u{n}", messageId=f"y{n}")),
            lambda n=n: batch(
                acme, track(userId=f"u{n}", messageId=f"z{n}"), track(anonymousId=f"a{n}", messageId=f"w{n}")
            ),
        )

        assert [answer.status_code for answer in answers] == [200] * 3
    people = people_of(acme)
    events = events_of(acme)
    assert set(people) == {f"u{n}" for n in range(15)}
    assert len(events) == 15 * 8
    for event in events:
        number = event.message_id[1:].partition("-")[0]
        assert event.person_id == people[f"u{number}"].person_id


def test_chains__merged_from_both_ends_at_once__are_flat(acme: Company) -> None:
    for n in range(10):
        batch(acme, track(anonymousId=f"a{n}", userId=f"u{n}"), track(userId=f"v{n}"))

        answers = at_once(
            lambda n=n: batch(acme, {"type": "alias", "previousId": f"u{n}", "userId": f"v{n}"}, server=True),
            lambda n=n: batch(acme, {"type": "alias", "previousId": f"v{n}", "userId": f"u{n}"}, server=True),
            lambda n=n: batch(acme, track(anonymousId=f"a{n}"), track(userId=f"u{n}")),
        )

        assert [answer.status_code for answer in answers] == [200] * 3
    assert len(people_of(acme)) == 10
    assert {event.person_id for event in events_of(acme)} == {person.person_id for person in people_of(acme).values()}


@pytest.mark.parametrize("extra", [{}, {"timestamp": None}])
def test_batch__of_any_size__takes_the_same_number_of_statements(acme: Company, extra: dict[str, Any]) -> None:
    def statements(size: int, prefix: str) -> int:
        items = [
            item
            for n in range(size)
            for item in (
                track(anonymousId=f"{prefix}a{n}", userId=f"{prefix}u{n}", **extra),
                {"type": "identify", "userId": f"{prefix}u{n}", "traits": {"n": n, "m": "M"}},
            )
        ]
        with CaptureQueriesContext(connection) as captured:
            assert batch(acme, *items).status_code == 200
        return len(captured)

    counts = {statements(size, prefix) for size, prefix in ((1, "a"), (10, "b"), (100, "c"))}

    assert len(counts) == 1
    assert counts.pop() <= 26


def test_batch__of_plain_events__takes_few_statements(acme: Company) -> None:
    with CaptureQueriesContext(connection) as captured:
        batch(acme, *(track(userId=f"u{n}") for n in range(50)))

    assert len(captured) <= 10
