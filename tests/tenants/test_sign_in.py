"""Signing in: by e-mail, with a second factor where one is set."""

from __future__ import annotations

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.core.cache import cache
from django.test import Client

from tests.conftest import Company

pytestmark = pytest.mark.django_db
CREDENTIALS = {"login": "Owner@acme.example", "password": "correct horse battery"}


@pytest.fixture(autouse=True)
def _forget_rate_limits() -> None:
    cache.clear()


def test_sign_in__right_password__leads_to_the_first_page(acme: Company, client: Client) -> None:
    response = client.post("/accounts/login/", CREDENTIALS, follow=True)

    assert response.redirect_chain == [("/", 302)]
    assert response.context["tenant"] == acme.tenant


def test_sign_in__wrong_password__says_so(acme: Company, client: Client) -> None:
    response = client.post("/accounts/login/", CREDENTIALS | {"password": "wrong"})

    assert response.status_code == 200
    assert "not correct" in response.content.decode()
    assert client.get("/").status_code == 302


def test_sign_in__with_a_second_factor__asks_for_it_also_on_the_way_to_the_admin(acme: Company, client: Client) -> None:
    TOTP.activate(acme.users["owner"], generate_totp_secret())

    response = client.post("/accounts/login/?next=/admin/", CREDENTIALS)

    assert response.headers["Location"] == "/accounts/2fa/authenticate/"
    assert client.get("/accounts/2fa/authenticate/").status_code == 200
    assert client.get("/").status_code == 302
    assert client.get("/admin/", follow=True).redirect_chain[-1][0].startswith("/accounts/")


def test_sign_up__closed__makes_no_account(client: Client, db: None) -> None:
    response = client.get("/accounts/signup/")

    assert "password1" not in response.content.decode()


@pytest.mark.parametrize(
    "path", ["password/change/", "email/", "2fa/", "2fa/totp/activate/", "logout/", "reauthenticate/"]
)
def test_account_pages__signed_in__wear_the_house_look(acme: Company, client: Client, path: str) -> None:
    client.post("/accounts/login/", CREDENTIALS)

    response = client.get(f"/accounts/{path}", follow=True)

    assert response.status_code == 200
    assert "web/nunchi.css" in response.content.decode()
    assert "unsafe" not in response.headers["Content-Security-Policy"]
