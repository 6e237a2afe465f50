"""Alive, ready, measured."""

from __future__ import annotations

from datetime import timedelta

import pytest
import redis
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from config import health
from tests.conftest import Company


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real client of Redis whose server is not there."""
    monkeypatch.setattr(health, "_redis", redis.Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.2))


def plant_undigested(company: Company, *, age: timedelta) -> None:
    from events.models import Person, person_id_for

    now = timezone.now()
    with company.scope():
        Person.objects.create(
            tenant_id=company.tenant.pk,
            person_id=person_id_for(tenant_id=company.tenant.pk, kind="user_id", identifier="u1"),
            identifier_kind="user_id",
            identifier="u1",
            first_seen_at=now,
            last_seen_at=now,
            touched_at=now - age,
        )


def test_healthz__with_a_strange_host_and_no_database__answers(client: Client) -> None:
    response = client.get("/healthz", HTTP_HOST="10.1.2.3:8000")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_readyz__all_there__tells_each_part_and_the_lag_over_all_tenants(
    client: Client, acme: Company, globex: Company
) -> None:
    plant_undigested(globex, age=timedelta(seconds=90))

    response = client.get("/readyz", HTTP_HOST="10.1.2.3")

    body = response.json()
    assert response.status_code == 200
    assert body.pop("outbox_lag_seconds") == pytest.approx(90, abs=30)
    assert body == {"status": "ok", "database": "ok", "migrations": "ok", "redis": "ok", "due_lag_seconds": 0.0}


@pytest.mark.django_db
def test_readyz__redis_away__is_degraded_yet_ready(client: Client, away: None) -> None:
    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json()["status"] == "degraded"
    assert response.json()["redis"] == "away"


@pytest.mark.django_db(transaction=True)
def test_readyz__database_away__is_503_and_comes_back(client: Client) -> None:
    port = connection.settings_dict["PORT"]
    connection.close()
    connection.settings_dict["PORT"] = "1"
    try:
        response = client.get("/readyz")
    finally:
        connection.close()
        connection.settings_dict["PORT"] = port

    assert response.status_code == 503
    assert response.json()["database"] == "away"
    assert client.get("/readyz").status_code == 200


@pytest.mark.django_db
def test_readyz__a_migration_missing__is_503(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_migrated", False)
    monkeypatch.setattr("django.db.migrations.recorder.MigrationRecorder.applied_migrations", lambda self: {})

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["migrations"] == "missing"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"REMOTE_ADDR": "::1"}, 200),
        ({"REMOTE_ADDR": "203.0.113.9"}, 403),
        ({"HTTP_X_FORWARDED_FOR": "203.0.113.9"}, 403),
    ],
)
def test_metrics__without_a_token__are_for_loopback(client: Client, headers: dict[str, str], status: int) -> None:
    assert client.get("/metrics", **headers).status_code == status


@pytest.mark.django_db
def test_metrics__with_a_token__need_it_wherever_the_call_comes_from(client: Client, settings: object) -> None:
    settings.METRICS_TOKEN = "t0ken"  # type: ignore[attr-defined]

    assert client.get("/metrics").status_code == 403
    assert client.get("/metrics", HTTP_AUTHORIZATION="Bearer wrong").status_code == 403
    assert client.get("/metrics", HTTP_AUTHORIZATION="Bearer t0ken", REMOTE_ADDR="203.0.113.9").status_code == 200


@pytest.mark.django_db
def test_metrics__after_requests__count_by_route_and_never_by_address(client: Client, acme: Company) -> None:
    client.force_login(acme.users["owner"])
    with acme.scope():
        from tenants.models import Member

        member = Member.objects.first()
    assert member
    client.get(f"/settings/members/{member.pk}/")

    text = client.get("/metrics").content.decode()

    route = 'route="settings/members/<uuid:member_id>/"'
    assert f'nunchi_requests_total{{method="GET",{route},status="200"}}' in text
    assert str(member.pk) not in text
    assert "nunchi_database_up 1.0" in text
    assert "nunchi_outbox_lag_seconds 0.0" in text


@pytest.mark.django_db(transaction=True)
def test_statement__over_the_limit__is_stopped() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("30s",)
        cursor.execute("SET statement_timeout = '50ms'")
        with pytest.raises(OperationalError, match="statement timeout"):
            cursor.execute("SELECT pg_sleep(5)")
    connection.close()
