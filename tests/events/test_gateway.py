"""What browsers and foreign origins meet at the door, and what every answer carries."""

from __future__ import annotations

import time
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test import Client

from events import nudges
from events.models import Receipt
from events.urls import urlpatterns
from tenants.models import Tenant
from tenants.quick_redis import PAUSE_SECONDS
from tests.conftest import Company
from tests.events.senders import batch, events_of, people_of, send, track

pytestmark = pytest.mark.django_db
SHOP = "https://shop.example"


@pytest.fixture
def shop_only(acme: Company) -> Company:
    with acme.scope():
        Tenant.objects.update(allowed_origins=["https://Shop.example/"])
    return acme


FOR_APPS = {str(pattern.pattern) for pattern in urlpatterns} - {"api/v1/rejections"}  # that one is for servers


@pytest.mark.parametrize("path", sorted(FOR_APPS))
def test_preflight__without_a_key__is_answered_everywhere(shop_only: Company, path: str) -> None:
    answer = Client().options(f"/{path.replace('<str:key>', 'k')}", HTTP_ORIGIN="https://evil.example")

    assert answer.status_code in (200, 204)
    assert {"authorization", "content-type", "x-retry-count"} <= set(answer["Access-Control-Allow-Headers"].split(", "))
    assert answer["Access-Control-Allow-Origin"] == "https://evil.example"
    assert answer["Access-Control-Allow-Methods"]
    assert "Origin" in answer["Vary"]


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("batch", {"batch": []}, {}, 200),
        ("batch", b"{", {}, 400),
        ("track", {}, {}, 400),
        ("track", {}, {"HTTP_AUTHORIZATION": "Basic eDo="}, 401),
        ("batch", {"batch": []}, {"HTTP_ORIGIN": "https://evil.example"}, 403),
    ],
)
def test_answers__of_every_kind__carry_the_cors_headers(
    shop_only: Company, path: str, body: Any, headers: dict[str, str], status: int
) -> None:
    headers = {"HTTP_ORIGIN": SHOP, **shop_only.write_auth, **headers}

    answer = send(path, body, **headers)

    assert answer.status_code == status
    assert answer["Access-Control-Allow-Origin"] == headers["HTTP_ORIGIN"]
    assert answer["Access-Control-Expose-Headers"] == "Retry-After, X-RateLimit-Reset"
    assert "Origin" in answer["Vary"].split(", ")
    assert "Access-Control-Allow-Credentials" not in answer


@pytest.mark.parametrize(("path", "body", "status"), [("nowhere", {}, 404), ("batch", b" " * 6_000_000, 413)])
def test_answers__that_no_view_made__carry_the_cors_headers_too(
    acme: Company, settings: Any, path: str, body: Any, status: int
) -> None:
    if "events.cors.CORSMiddleware" not in settings.MIDDLEWARE:
        pytest.skip("SKIPPED ALOUD: events.cors.CORSMiddleware is not in MIDDLEWARE")

    answer = send(path, body, auth=acme.write_auth, HTTP_ORIGIN=SHOP)

    assert (answer.status_code, set(answer.json())) == (status, {"code", "message"})
    assert answer["Access-Control-Allow-Origin"] == SHOP


def test_get__where_only_post_is_known__is_405_in_the_one_shape(acme: Company) -> None:
    answer = Client().get("/v1/batch", **acme.write_auth)

    assert answer.status_code == 405
    assert set(answer.json()) == {"code", "message"}


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "https://shop.example.evil.example", "http://shop.example"]
)
def test_origin__that_is_not_allowed__is_403_and_stores_nothing(shop_only: Company, origin: str) -> None:
    item = track(userId="u", writeKey=shop_only.write_key)

    answer = send("track", item, content_type="text/plain", HTTP_ORIGIN=origin)

    assert (answer.status_code, answer.json()["code"]) == (403, "origin_not_allowed")
    assert events_of(shop_only) == []


@pytest.mark.parametrize("headers", [{"HTTP_ORIGIN": SHOP}, {}])
def test_origin__that_is_allowed_or_absent__is_served(shop_only: Company, headers: dict[str, str]) -> None:
    answer = send("track", track(userId="u"), auth=shop_only.write_auth, **headers)

    assert answer.status_code == 200
    assert len(events_of(shop_only)) == 1


def test_origin__where_none_are_named__is_free(acme: Company) -> None:
    assert send("track", track(userId="u"), auth=acme.write_auth, HTTP_ORIGIN="null").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_database__that_does_not_answer__is_503_and_nothing_is_stored(acme: Company) -> None:
    batch(acme, track(userId="u", messageId="m0"))
    settings = connection.settings_dict
    other = psycopg.connect(
        host=settings["HOST"], port=settings["PORT"], user=settings["USER"], password=settings["PASSWORD"],
        dbname=settings["NAME"],
    )  # fmt: skip
    with other, connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '100ms'")
        other.execute("SELECT set_config('nunchi.tenant_id', %s, true)", [str(acme.tenant.pk)])
        other.execute("SELECT FROM events_person WHERE identifier = 'u' FOR UPDATE")

        answer = batch(acme, track(userId="u", messageId="m1"))

        cursor.execute("RESET lock_timeout")
    other.close()
    assert (answer.status_code, set(answer.json())) == (503, {"code", "message"})
    assert answer["Retry-After"]
    assert answer["Access-Control-Allow-Origin"] == "*"
    with acme.scope():
        assert Receipt.objects.count() == 1
    assert len(events_of(acme)) == 1


@pytest.mark.django_db(transaction=True)
def test_redis__away__ingestion_answers_at_once_and_tries_it_once(acme: Company, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    began = time.monotonic()
    answers = [batch(acme, track(userId="u")) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [200] * 5
    assert time.monotonic() < nudges.breaker.paused_until <= began + 2 * PAUSE_SECONDS
    assert people_of(acme)["u"].touched_at is not None
