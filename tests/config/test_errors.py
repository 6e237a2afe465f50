"""One JSON shape for the API whatever goes wrong, a page for people."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.conftest import Company

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.config.slow_urls")]


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


@pytest.mark.parametrize("path", ["/api/sleep", "/api/drf-sleep"])
@pytest.mark.django_db(transaction=True)
def test_api__a_statement_over_the_limit__is_503_in_the_one_shape(client: Client, path: str, acme: Company) -> None:
    from django.db import transaction

    with transaction.atomic():
        response = client.get(path)
        transaction.set_rollback(True)

    assert response.status_code == 503
    assert response.json()["code"] == "busy"
    assert response.headers["Retry-After"] == "1"


@pytest.mark.django_db(transaction=True)
def test_page__a_statement_over_the_limit__is_a_503_page_and_rolled_back(client: Client, acme: Company) -> None:
    client.force_login(acme.users["owner"])

    response = client.get("/pages/sleep")

    assert response.status_code == 503
    assert "Busy just now" in response.content.decode()
    assert client.get("/").status_code == 200


def test_error__of_ours__tells_nobody_its_cause(client: Client) -> None:
    api, page = client.get("/api/broken"), client.get("/pages/broken")

    assert api.json() == {"code": "internal_error", "message": "This is our fault. It has been logged."}
    assert page.status_code == 500
    assert "Something broke" in page.content.decode()
    assert "secret" not in page.content.decode()


@pytest.mark.parametrize("path", ["/api/nothing", "/v1/nothing"])
def test_api__an_unknown_path__is_404_in_the_one_shape(client: Client, path: str) -> None:
    response = client.get(path)

    assert response.status_code == 404
    assert response.json().keys() == {"code", "message"}


@pytest.mark.parametrize("host", ["bad_host!", "evil.example", "a" * 300, "x y"])
def test_host__malformed_or_foreign__is_400_in_the_shape_of_the_path(client: Client, host: str) -> None:
    api, page = client.get("/v1/nothing", HTTP_HOST=host), client.get("/", HTTP_HOST=host)

    assert (api.status_code, api.json()["code"]) == (400, "bad_request")
    assert page.status_code == 400
    assert "malformed" in page.content.decode()


def test_api__a_body_over_the_limit__is_413_unread(client: Client, settings: object) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100  # type: ignore[attr-defined]

    response = client.post("/v1/nothing", {"a": "b" * 200}, content_type="application/json")

    assert (response.status_code, response.json()["code"]) == (413, "too_large")


def test_page__a_body_over_the_limit__is_a_413_page(client: Client, settings: object) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100  # type: ignore[attr-defined]

    response = client.post("/pages/body", {"a": "b" * 200}, content_type="application/json")

    assert response.status_code == 413
    assert "too large" in response.content.decode()


def test_page__without_csrf_token__says_what_to_do(acme: Company) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(acme.users["owner"])

    response = client.post("/settings/", {})

    assert response.status_code == 403
    assert "load the page again" in response.content.decode()


def test_page__an_unknown_path__is_a_404_page_in_the_house_look(client: Client) -> None:
    response = client.get("/nothing-here/")

    assert response.status_code == 404
    assert "web/nunchi.css" in response.content.decode()
    assert "unsafe" not in response.headers["Content-Security-Policy"]
