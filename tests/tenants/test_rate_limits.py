"""Limits at the doors for apps and servers: who meets one is told when to come again, and loses nothing."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.conf import settings as configured
from django.test import Client
from limits import RateLimitItemPerMinute, parse
from pytest_django import DjangoAssertNumQueries

from events.models import RejectedItem
from tenants.quick_redis import client_of
from tenants.rate_limits import seconds_until_room
from tests.conftest import Company
from tests.events.senders import batch, events_of, send, track

pytestmark = pytest.mark.django_db
SHOP = "https://shop.example"
DOORS: dict[str, Any] = {
    "/v1/batch": {"batch": [{"type": "track", "event": "opened", "userId": "anna"}]},
    "/v1/track": {"event": "opened", "userId": "anna"},
    "/v1/decide": {"userId": "anna"},
    "/v1/reports": {"reports": [{}]},
}


def ask(company: Company, path: str = "/v1/track", *, server: bool = False, **headers: str) -> Any:
    auth = company.server_auth if server else company.write_auth
    client = Client()
    if path in DOORS:
        return client.post(path, DOORS[path], content_type="application/json", **auth, **headers)
    return client.get(path, **auth, **headers)


def assert_limited(answer: Any, *, within: int = 120) -> None:
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert set(answer.json()) == {"code", "message"}
    wait = answer["Retry-After"]
    assert 1 <= int(wait) <= within
    assert wait.isdigit()
    assert abs(int(answer["X-RateLimit-Reset"]) - (time.time() + int(wait))) <= 2


@pytest.mark.parametrize("path", [*DOORS, "/sourceConfig"])
def test_key__that_asks_too_often__is_told_when_to_come_again(
    acme: Company, globex: Company, settings: Any, path: str
) -> None:
    settings.KEY_REQUEST_LIMIT = parse("2/minute")

    served = [ask(acme, path).status_code for _ in range(2)]
    refused = ask(acme, path, HTTP_ORIGIN=SHOP)

    assert served == [200, 200]
    assert_limited(refused)
    assert refused["Access-Control-Allow-Origin"] == SHOP
    assert refused["Access-Control-Expose-Headers"] == "Retry-After, X-RateLimit-Reset"
    assert ask(globex, path).status_code == 200
    assert ask(acme, "/api/v1/segments", server=True).status_code == 200, "the server has another key"


def test_server_key__that_asks_too_often__is_told_when_to_come_again(acme: Company, settings: Any) -> None:
    settings.KEY_REQUEST_LIMIT = parse("1/minute")

    first, second = (ask(acme, "/api/v1/segments", server=True) for _ in range(2))

    assert first.status_code == 200
    assert_limited(second)


def test_address__that_asks_too_often__is_refused_with_every_write_key(
    acme: Company, globex: Company, settings: Any
) -> None:
    settings.ADDRESS_REQUEST_LIMIT = parse("2/minute")
    here, there = {"REMOTE_ADDR": "203.0.113.1"}, {"REMOTE_ADDR": "203.0.113.2"}

    served = [ask(company, **here).status_code for company in (acme, globex)]

    assert served == [200, 200]
    assert_limited(ask(acme, **here))
    assert_limited(ask(globex, **here))
    assert ask(acme, **there).status_code == 200
    assert ask(acme, server=True, **here).status_code == 200, "servers are known, and often have one address"


def test_address__forged_behind_a_proxy__is_the_one_that_the_proxy_saw(acme: Company, settings: Any) -> None:
    """Planted bug: taking the first address of X-Forwarded-For let everybody be somebody new (seen to fail)."""
    settings.ADDRESS_REQUEST_LIMIT = parse("1/minute")
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

    first, second = (ask(acme, HTTP_X_FORWARDED_FOR=f"198.51.100.{n}, 203.0.113.7") for n in (1, 2))

    assert first.status_code == 200
    assert_limited(second)


@pytest.mark.parametrize(("other", "status"), [("2001:db8:1:2:ffff::9", 429), ("2001:db8:1:3::1", 200)])
def test_address__of_the_same_network__counts_together(acme: Company, settings: Any, other: str, status: int) -> None:
    settings.ADDRESS_REQUEST_LIMIT = parse("1/minute")
    ask(acme, REMOTE_ADDR="2001:db8:1:2::1")

    assert ask(acme, REMOTE_ADDR=other).status_code == status


def test_items__too_many__are_refused_whole_and_stored_when_sent_again(acme: Company, settings: Any) -> None:
    """Planted bug: counting after storing kept what the client was told to send again (seen to fail)."""
    settings.KEY_ITEM_LIMIT = parse("5/minute")
    three = [track(userId="anna", messageId=f"m{n}") for n in range(3)]
    more = [track(userId="anna", messageId=f"n{n}") for n in range(2)]

    first = batch(acme, *three)
    refused = batch(acme, *more, {"type": "track"})
    fits = batch(acme, *more)
    settings.KEY_ITEM_LIMIT = None
    again = batch(acme, *more, {"type": "track"})

    assert [answer.status_code for answer in (first, refused, fits, again)] == [200, 429, 200, 200]
    assert_limited(refused)
    assert len(events_of(acme)) == 5
    with acme.scope():
        assert RejectedItem.objects.count() == 1


def test_batch__of_many_items__is_one_request(acme: Company, settings: Any) -> None:
    settings.KEY_REQUEST_LIMIT = parse("2/minute")

    answers = [batch(acme, *(track(userId="anna") for _ in range(50))).status_code for _ in range(2)]

    assert answers == [200, 200]


def test_unknown_keys__from_one_address__are_refused_before_the_database_is_asked(
    acme: Company, settings: Any, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """Planted bug: counting them without looking before the look-up asked the database each time (seen to fail)."""
    settings.UNKNOWN_KEY_LIMIT = parse("3/minute")
    here = {"REMOTE_ADDR": "203.0.113.1", "content_type": "application/json"}

    tried = [send("track", track(), auth={"HTTP_AUTHORIZATION": f"Bearer wk_{n}"}, **here) for n in range(3)]
    with django_assert_num_queries(0):
        refused = [
            send("track", track(), auth={"HTTP_AUTHORIZATION": "Bearer wk_x"}, **here),
            send("decide", {}, auth={"HTTP_AUTHORIZATION": "Bearer wk_y"}, **here),
            send("track", track(writeKey="wk_z"), **here),
            Client().get("/sourceConfig?writeKey=wk_a", REMOTE_ADDR="203.0.113.1"),
            Client().get("/v1/projects/wk_b/settings", REMOTE_ADDR="203.0.113.1"),
            Client().get("/api/v1/segments", HTTP_AUTHORIZATION="Bearer sk_x", REMOTE_ADDR="203.0.113.1"),
        ]

    assert [answer.status_code for answer in tried] == [401] * 3
    for answer in refused:
        assert_limited(answer, within=60)
    elsewhere = send("track", track(), auth={"HTTP_AUTHORIZATION": "Bearer wk_x"}, REMOTE_ADDR="203.0.113.2")
    assert elsewhere.status_code == 401


def test_unknown_keys__beside_a_good_one__do_not_lock_it_out(acme: Company, settings: Any) -> None:
    settings.UNKNOWN_KEY_LIMIT = parse("1/minute")
    ask(acme)
    for _ in range(3):
        send("track", track(), auth={"HTTP_AUTHORIZATION": "Bearer wk_old_app"})

    assert ask(acme).status_code == 200


def test_limits__with_redis_away__let_everybody_through(acme: Company, settings: Any) -> None:
    settings.KEY_REQUEST_LIMIT = settings.ADDRESS_REQUEST_LIMIT = settings.KEY_ITEM_LIMIT = parse("1/minute")
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    assert [ask(acme, path).status_code for path in DOORS for _ in range(2)] == [200] * 8


def test_limits__in_a_redis_that_has_begun_anew__hold(acme: Company, settings: Any) -> None:
    settings.KEY_REQUEST_LIMIT = parse("1/minute")
    client_of(settings.REDIS_URL).script_flush()

    assert [ask(acme).status_code for _ in range(2)] == [200, 429]


def test_limits__none_set__are_none(acme: Company, settings: Any) -> None:
    settings.KEY_REQUEST_LIMIT = settings.ADDRESS_REQUEST_LIMIT = settings.KEY_ITEM_LIMIT = None
    settings.UNKNOWN_KEY_LIMIT = None

    assert ask(acme).status_code == 200
    assert send("track", track(), auth={"HTTP_AUTHORIZATION": "Bearer wk_x"}).status_code == 401


def test_limits__by_default__are_beyond_what_apps_send() -> None:
    """Beyond the most that vendors document: 3,000 requests in 3 s, 75 items each."""
    assert configured.KEY_REQUEST_LIMIT.amount / configured.KEY_REQUEST_LIMIT.get_expiry() >= 3_000 / 3
    assert configured.KEY_ITEM_LIMIT.amount / configured.KEY_ITEM_LIMIT.get_expiry() >= 75 * 3_000 / 3


@pytest.mark.parametrize("cost", [1, 7, 60, 100])
@pytest.mark.parametrize(
    ("previous", "previous_ttl", "current", "current_ttl"),
    [(100, 45.0, 60, 105.0), (0, 0.0, 100, 119.0), (100, 1.0, 100, 61.0), (30, 60.0, 80, 120.0), (7, 3.5, 99, 63.5)],
)
def test_seconds_until_room__in_any_state__is_when_the_cost_first_fits(
    previous: int, previous_ttl: float, current: int, current_ttl: float, cost: int
) -> None:
    def fits(after: float) -> bool:
        """The rule of the library's script, so long after the state."""
        if after < current_ttl - 60:
            count = previous * max(0.0, previous_ttl - after) // 60 + current
        else:
            count = current * max(0.0, current_ttl - after) // 60
        return count + cost <= 100

    wait = seconds_until_room(
        previous=previous, previous_ttl=previous_ttl, current=current, current_ttl=current_ttl,
        rate=RateLimitItemPerMinute(100), cost=cost,
    )  # fmt: skip

    first = next(tenths / 10 for tenths in range(1_300) if fits(tenths / 10))
    assert fits(wait + 0.001)
    a_count = 60 / min(filter(None, (previous, current)))
    assert wait <= first + a_count + 0.1, "later by the time in which a single count fades, at most"
