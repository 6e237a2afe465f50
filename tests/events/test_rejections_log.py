"""The rejected-events log: a developer can read what was refused and why."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.conftest import Company
from tests.events.senders import batch, track


@pytest.mark.django_db(transaction=True)
def test_rejections__over_rest__newest_first_page_by_page(acme: Company, globex: Company, client: Client) -> None:
    for number in range(3):
        batch(acme, track("", userId=f"u{number}", messageId=f"m{number}"), track("liked", userId="u"))
    batch(globex, track("", userId="theirs", messageId="m"))

    first = client.get("/api/v1/rejections?limit=2", **acme.server_auth).json()
    second = client.get(f"/api/v1/rejections?limit=2&cursor={first['next_cursor']}", **acme.server_auth).json()

    rows = first["results"] + second["results"]
    assert [f"u{number}" in row["item"] for number, row in zip((2, 1, 0), rows, strict=True)] == [True] * 3
    assert {row["code"] for row in rows} == {"missing_event"}
    assert second["next_cursor"] is None
    assert client.get("/api/v1/rejections", **acme.write_auth).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_rejections__in_the_admin__are_listed(acme: Company, client: Client) -> None:
    batch(acme, track("", userId="u1", messageId="m1"))
    owner = acme.users["owner"]
    owner.is_staff = True
    owner.save()
    client.force_login(owner)

    page = client.get("/admin/events/rejecteditem/")

    assert page.status_code == 200
    assert b"missing_event" in page.content
