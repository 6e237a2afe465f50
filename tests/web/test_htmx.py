"""Parts of pages that are asked for after the session has ended."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.conftest import Company

pytestmark = pytest.mark.django_db
PART = "/campaigns/preview/"


@pytest.mark.parametrize(
    ("page", "target"),
    [
        ("http://testserver/campaigns/new/?a=1#x", "/accounts/login/?next=/campaigns/new/%3Fa%3D1"),
        ("https://elsewhere.example/campaigns/new/", "/accounts/login/?next=/"),
        ("", "/accounts/login/?next=/"),
    ],
)
def test_part__of_somebody_signed_out__leads_the_page_to_sign_in_and_back(
    client: Client, page: str, target: str
) -> None:
    response = client.post(PART, headers={"HX-Request": "true", "HX-Current-URL": page})

    assert (response.status_code, response.headers["HX-Redirect"]) == (204, target)
    assert "Location" not in response.headers


def test_page__of_somebody_signed_out__is_redirected_as_ever(client: Client) -> None:
    response = client.get("/campaigns/")

    assert (response.status_code, response.headers["Location"]) == (302, "/accounts/login/?next=/campaigns/")
    assert "HX-Redirect" not in response.headers


def test_part__of_a_member__is_answered_itself(client: Client, acme: Company) -> None:
    client.force_login(acme.users["marketer"])

    response = client.post(PART, {"message_title": "Hi"}, headers={"HX-Request": "true"})

    assert response.status_code == 200
    assert "HX-Redirect" not in response.headers
