"""The message policy: its page, its endpoint, its admin, each through the same saving and audit log."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
from django.test import Client

from campaigns.models import MessagePolicy
from tenants.models import AuditEntry
from tests.campaigns.test_api_rest import Api
from tests.campaigns.test_views import FormReader
from tests.conftest import Company
from tests.segments.test_admin import staff

PAGE, ENDPOINT, ADMIN = "/settings/messages/", "/api/v1/message-policy", "/admin/campaigns/messagepolicy/"
POLICY: dict[str, Any] = {"caps": [{"limit": 3, "window": "1d"}], "gap_seconds": 60}
FORM = {
    "caps-TOTAL_FORMS": "2",
    "caps-INITIAL_FORMS": "0",
    "caps-0-limit": "3",
    "caps-0-window": "1d",
    "caps-1-window": "session",
    "gap_0": "1",
    "gap_1": "m",
}


@pytest.fixture
def marketer(acme: Company, client: Client) -> Client:
    client.force_login(acme.users["marketer"])
    return client


@pytest.fixture
def api(acme: Company, client: Client) -> Api:
    return Api(acme, client)


def saved(company: Company) -> dict[str, Any] | None:
    with company.scope():
        return MessagePolicy.objects.values("caps", "gap_seconds").first()


def audited(company: Company) -> list[dict[str, Any]]:
    with company.scope():
        return list(AuditEntry.objects.order_by("id").values_list("changes", flat=True))


def test_policy__set_by_a_marketer__is_saved_and_audited_once(marketer: Client, acme: Company, globex: Company) -> None:
    responses = [marketer.post(PAGE, FORM) for _ in range(2)]

    assert [response.status_code for response in responses] == [302, 302]
    assert saved(acme) == POLICY
    assert audited(acme) == [{"caps": [[], POLICY["caps"]], "gap_seconds": [30, 60]}]
    assert saved(globex) is None
    assert "The limits are saved" in marketer.get(PAGE).content.decode()


@pytest.mark.parametrize("gap", [0, 59, 60, 86_400])
def test_policy__its_page_sent_back_untouched__changes_nothing(api: Api, acme: Company, gap: int) -> None:
    policy = {"caps": [{"limit": 2, "window": "12h"}, {"limit": 9, "window": "lifetime"}], "gap_seconds": gap}
    assert api("PUT", ENDPOINT, policy).status_code == 200
    api.client.force_login(acme.users["owner"])
    reader = FormReader("policy")
    reader.feed(api.client.get(PAGE).content.decode())

    response = api.client.post(PAGE, reader.values)

    assert response.status_code == 302
    assert saved(acme) == policy
    assert len(audited(acme)) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"caps-0-limit": "0"}, "greater than or equal to 1"),
        ({"caps-0-window": "400d"}, "Give session, lifetime, or a duration"),
        ({"gap_0": "2", "gap_1": "d"}, "This is too long"),
        ({"gap_0": ""}, "This field is required"),
    ],
)
def test_policy__a_bad_value__is_refused_with_its_input_kept(
    marketer: Client, acme: Company, change: dict[str, str], words: str
) -> None:
    response = marketer.post(PAGE, FORM | change)

    page = unescape(response.content.decode())
    assert response.status_code == 422
    assert words in page
    assert "It is not saved yet" in page
    assert saved(acme) is None


def test_policy__one_more_row__is_added_and_nothing_saved(marketer: Client, acme: Company) -> None:
    response = marketer.post(PAGE, FORM | {"more": "caps"})

    page = response.content.decode()
    assert response.status_code == 200
    assert 'name="caps-2-limit"' in page
    assert 'value="3"' in page
    assert saved(acme) is None


@pytest.mark.parametrize("role", ["analyst", "developer"])
def test_policy__for_those_who_only_look__is_shown_in_words(client: Client, acme: Company, role: str) -> None:
    Api(acme, client)("PUT", ENDPOINT, POLICY)
    client.force_login(acme.users[role])

    page = client.get(PAGE).content.decode()

    assert "3 times in 1 day" in page
    assert "1 minute" in page
    assert "<form id=" not in page
    assert client.post(PAGE, FORM | {"gap_0": "2"}).status_code == 403
    assert saved(acme) == POLICY


def test_policy__over_rest__has_defaults_and_is_replaced_as_a_whole(api: Api, acme: Company) -> None:
    before = api("GET", ENDPOINT)
    put = api("PUT", ENDPOINT, POLICY)

    assert (before.status_code, before.json()) == (200, {"caps": [], "gap_seconds": 30})
    assert (put.status_code, put.json()) == (200, POLICY)
    assert api("GET", ENDPOINT).json() == POLICY
    assert len(audited(acme)) == 1


@pytest.mark.parametrize(
    ("change", "field", "path"),
    [
        ({"caps": [{"limit": 0, "window": "1d"}]}, "caps", "[0].limit"),
        ({"caps": "1d"}, "caps", ""),
        ({"gap_seconds": 86_401}, "gap_seconds", ""),
        ({"gap_seconds": "60"}, "gap_seconds", ""),
        ({"more": 1}, "more", ""),
    ],
)
def test_policy__refused_over_rest__names_field_and_path(
    api: Api, acme: Company, change: dict[str, Any], field: str, path: str
) -> None:
    response = api("PUT", ENDPOINT, POLICY | change)

    assert response.status_code == 400
    assert [problem["path"] for problem in response.json()["fields"][field]] == [path]
    assert api("PUT", ENDPOINT, {"gap_seconds": 1}).status_code == 400
    assert saved(acme) is None


def test_policy__with_a_write_key__is_refused(client: Client, acme: Company) -> None:
    assert client.get(ENDPOINT, **acme.write_auth).status_code == 403


def test_policy__in_the_admin__is_added_once_changed_and_never_deleted(client: Client, acme: Company) -> None:
    editor = staff(acme, client)

    refused = editor.post(f"{ADMIN}add/", {"caps": '[{"limit": 0, "window": "1d"}]', "gap_seconds": "60"})
    added = editor.post(f"{ADMIN}add/", {"caps": '[{"limit": 3, "window": "1d"}]', "gap_seconds": "60"})
    again = editor.get(f"{ADMIN}add/")
    with acme.scope():
        one = f"{ADMIN}{MessagePolicy.objects.get().pk}/"
    changed = editor.post(f"{one}change/", {"caps": "", "gap_seconds": "0"})

    assert "caps[0].limit: Give a whole number" in refused.content.decode()
    assert (added.status_code, again.status_code, changed.status_code) == (302, 403, 302)
    assert editor.post(f"{one}delete/", {"post": "yes"}).status_code == 403
    assert saved(acme) == {"caps": [], "gap_seconds": 0}
    assert len(audited(acme)) == 2


def test_policy__in_the_admin_of_an_analyst__can_be_seen_not_changed(client: Client, acme: Company) -> None:
    Api(acme, client)("PUT", ENDPOINT, POLICY)
    staff(acme, client, "analyst")

    assert "caps" in client.get(ADMIN).content.decode()
    assert client.get(f"{ADMIN}add/").status_code == 403
    with acme.scope():
        one = f"{ADMIN}{MessagePolicy.objects.get().pk}/change/"
    assert client.post(one, {"caps": "", "gap_seconds": "0"}).status_code == 403
