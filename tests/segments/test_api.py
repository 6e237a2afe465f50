"""Segments and people over REST."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client

from events.models import Person
from segments.models import Segment
from tenants.models import AuditEntry
from tests.conftest import Company
from tests.segments.people import does, meet, settle

LIKED = {"did": "liked", "within": "30d"}
PRO = {"trait": "plan", "op": "=", "value": "pro"}
SEGMENTS = "/api/v1/segments"


class Api:
    """A company's server calling."""

    def __init__(self, company: Company, client: Client) -> None:
        self.company, self.client = company, client

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        data = body if isinstance(body, str | bytes) else json.dumps(body)
        content = {} if body is None else {"data": data, "content_type": "application/json"}
        return self.client.generic(method, path, **content, **(headers or self.company.server_auth))

    def create(self, name: str, condition: Any) -> str:
        response = self("POST", SEGMENTS, {"name": name, "condition": condition})
        assert response.status_code == 201, response.content
        return response.json()["id"]


@pytest.fixture
def api(acme: Company, client: Client) -> Api:
    return Api(acme, client)


def problems_of(response: HttpResponse) -> dict[str, list[dict[str, str]]]:
    body = response.json()
    assert set(body) == {"code", "message", "fields"}
    return body["fields"]


def test_segments__created_changed_and_deleted__are_so_and_audited(api: Api, acme: Company) -> None:
    created = api("POST", SEGMENTS, {"name": " Likers ", "condition": LIKED})
    one = f"{SEGMENTS}/{created.json()['id']}"
    changed = api("PATCH", one, {"condition": PRO})
    renamed = api("PATCH", one, {"name": "Pro"})
    read = api("GET", one)
    deleted = api("DELETE", one)

    assert (created.status_code, created.json()["name"], created.json()["state"]) == (201, "Likers", "computing")
    assert created.json()["members"] is None
    assert (changed.json()["version"], changed.json()["condition"]) == (2, PRO)
    assert (renamed.json()["version"], renamed.json()["description"]) == (2, "")
    assert read.json() == renamed.json()
    assert deleted.status_code == 204
    assert api("GET", one).status_code == 404
    with acme.scope():
        entries = list(AuditEntry.objects.order_by("id").values_list("action", "actor", "object_name"))
    actor = f"key {acme.server_key[:8]}"
    assert entries == [
        ("segment.created", actor, "Likers"),
        ("segment.changed", actor, "Likers"),
        ("segment.changed", actor, "Pro"),
        ("segment.deleted", actor, "Pro"),
    ]


def test_segments__a_change_that_changes_nothing__is_not_audited(api: Api, acme: Company) -> None:
    segment_id = api.create("Likers", LIKED)

    assert api("PATCH", f"{SEGMENTS}/{segment_id}", {"name": "Likers"}).status_code == 200

    with acme.scope():
        assert AuditEntry.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "field", "path"),
    [
        ({"condition": LIKED}, "name", ""),
        ({"name": "", "condition": LIKED}, "name", ""),
        ({"name": "a\nb", "condition": LIKED}, "name", ""),
        ({"name": 7, "condition": LIKED}, "name", ""),
        ({"name": True, "condition": LIKED}, "name", ""),
        ({"name": "x" * 101, "condition": LIKED}, "name", ""),
        ({"name": "x", "description": None, "condition": LIKED}, "description", ""),
        ({"name": "x", "condition": LIKED, "colour": "red"}, "colour", ""),
        ({"name": "x", "condition": LIKED, "version": 9}, "version", ""),
        ({"name": "x"}, "condition", ""),
        ({"name": "x", "condition": None}, "condition", ""),
        ({"name": "x", "condition": []}, "condition", ""),
        ({"name": "x", "condition": {"all": [LIKED, {"did": "a", "within": "x"}]}}, "condition", "all[1].within"),
        ({"name": "x", "condition": {"segment": "0b6e7a52-6a0b-4f1e-8a53-7c1b1f0a9d10"}}, "condition", "segment"),
        ([], "non_field_errors", ""),
    ],
)
def test_segments__a_refused_body__names_field_and_path(api: Api, body: Any, field: str, path: str) -> None:
    response = api("POST", SEGMENTS, body)

    assert response.status_code == 400
    assert [problem["path"] for problem in problems_of(response)[field]] == [path]
    assert all(problem["message"] for problem in problems_of(response)[field])


def test_segments__several_problems__are_told_at_once(api: Api) -> None:
    api.create("taken", LIKED)

    response = api("POST", SEGMENTS, {"name": "a\nb", "condition": {"did": "a", "within": "x"}})

    assert set(problems_of(response)) == {"name", "condition"}


def test_segments__a_name_that_is_taken__is_refused_beside_it(api: Api) -> None:
    api.create("Likers", LIKED)
    other = api.create("Pro", PRO)

    assert set(problems_of(api("POST", SEGMENTS, {"name": "Likers", "condition": PRO}))) == {"name"}
    assert set(problems_of(api("PATCH", f"{SEGMENTS}/{other}", {"name": "Likers"}))) == {"name"}


@pytest.mark.parametrize(
    "body",
    [
        '{"name": "a\\u0000b", "condition": {"did": "a"}}',
        '{"name": "\\ud800", "condition": {"did": "a"}}',
        '{"name": "x", "condition": {"trait": "a", "op": "=", "value": NaN}}',
        '{"name": "x", "condition": {"trait": "a", "op": "=", "value": 1e999}}',
        '{"name": "x", "condition": {"trait": "a", "op": "=", "value": ' + "9" * 5000 + "}}",
        '{"name": "x", "condition": ' + '{"not":' * 5000 + "1" + "}" * 5000 + "}",
        b'{"name": "\xff"}',
        "{",
        "",
    ],
)
def test_segments__a_body_that_cannot_be_kept__is_400_in_the_one_shape(api: Api, body: str | bytes) -> None:
    response = api("POST", SEGMENTS, body)

    assert response.status_code == 400
    assert {"code", "message"} <= set(response.json())


def test_segments__of_another_media_type__is_415(api: Api) -> None:
    response = api.client.post(SEGMENTS, {"name": "x"}, **api.company.server_auth)

    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", SEGMENTS),
        ("POST", SEGMENTS),
        ("POST", f"{SEGMENTS}/estimate"),
        ("GET", "/api/v1/people/user_id/ann"),
        ("GET", "/api/v1/campaigns"),
    ],
)
def test_api__a_write_key_or_none__is_refused_in_the_one_shape(api: Api, acme: Company, method: str, path: str) -> None:
    with_write_key = api(method, path, {}, **acme.write_auth)
    without = api(method, path, {}, HTTP_AUTHORIZATION="Basic eDo=")

    assert (with_write_key.status_code, with_write_key.json()["code"]) == (403, "server_key_needed")
    assert (without.status_code, without.json()["code"]) == (401, "unknown_key")


def test_segments__of_another_tenant__do_not_exist(api: Api, globex: Company, client: Client) -> None:
    theirs = Api(globex, client).create("Theirs", LIKED)

    assert api("GET", SEGMENTS).json()["results"] == []
    for method in ("GET", "PATCH", "DELETE"):
        assert api(method, f"{SEGMENTS}/{theirs}", {}).status_code == 404
    assert api("GET", f"{SEGMENTS}/{theirs}/members").status_code == 404
    nested = api("POST", SEGMENTS, {"name": "x", "condition": {"segment": theirs}})
    assert set(problems_of(nested)) == {"condition"}


def test_segments__listed_in_pages__come_once_each_by_name(api: Api) -> None:
    for name in ("b", "a", "d", "c", "e"):
        api.create(name, LIKED)

    names: list[str] = []
    path = f"{SEGMENTS}?limit=2"
    while path:
        page = api("GET", path).json()
        names += [row["name"] for row in page["results"]]
        path = f"{SEGMENTS}?limit=2&cursor={page['next_cursor']}" if page["next_cursor"] else ""

    assert names == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=x", "cursor=x", "cursor=WyJhIl0", "page=2", "cursor=%00", "limit=1e3"]
)
def test_segments__an_unknown_query__is_refused(api: Api, query: str) -> None:
    assert api("GET", f"{SEGMENTS}?{query}").status_code == 400


def test_members__of_a_live_segment__are_paged_with_identifiers_and_since(api: Api, acme: Company) -> None:
    with acme.scope():
        people = [meet(acme, f"p{n}") for n in range(5)]
        for person_id in people[:4]:
            does(acme, person_id, "liked")
        alias = meet(acme, "anon-1", kind="anonymous_id")
        Person.objects.filter(person_id=alias).update(merged_into=people[0], touched_at=None)
    segment_id = api.create("Likers", LIKED)
    settle(acme)

    first = api("GET", f"{SEGMENTS}/{segment_id}/members?limit=3").json()
    second = api("GET", f"{SEGMENTS}/{segment_id}/members?limit=3&cursor={first['next_cursor']}").json()

    found = first["results"] + second["results"]
    assert sorted(row["person_id"] for row in found) == sorted(map(str, people[:4]))
    assert second["next_cursor"] is None
    known = {row["person_id"]: row["identifiers"] for row in found}
    assert known[str(people[0])] == [
        {"kind": "user_id", "value": "p0"},
        {"kind": "anonymous_id", "value": "anon-1"},
    ]
    assert all(row["since"] for row in found)
    assert api("GET", f"{SEGMENTS}/{segment_id}").json()["members"] == 4


def test_members__before_the_first_computation__are_none(api: Api) -> None:
    segment_id = api.create("Likers", LIKED)

    assert api("GET", f"{SEGMENTS}/{segment_id}/members").json()["results"] == []


def test_estimate__of_a_condition__counts_members_and_people(api: Api, acme: Company) -> None:
    with acme.scope():
        meet(acme, "ann", plan="Pro ")
        meet(acme, "ben", plan="free")
        meet(acme, "cat")

    response = api("POST", f"{SEGMENTS}/estimate", {"condition": PRO})

    assert response.status_code == 200
    assert (response.json()["members"], response.json()["people"]) == (1, 3)


def test_estimate__of_a_refused_condition__names_the_path(api: Api) -> None:
    response = api("POST", f"{SEGMENTS}/estimate", {"condition": {"not": {"did": ""}}})

    assert response.status_code == 400
    assert [problem["path"] for problem in problems_of(response)["condition"]] == ["not.did"]


def test_estimate__that_takes_too_long__is_503_and_says_what_to_do(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(node: Any) -> tuple[int, int]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', '5', true), pg_sleep(0)")
            cursor.execute("SELECT pg_sleep(10)")
        return 0, 0

    monkeypatch.setattr("segments.estimation.count_members", slow)

    response = api("POST", f"{SEGMENTS}/estimate", {"condition": PRO})

    assert (response.status_code, response.json()["code"]) == (503, "estimate_too_slow")


def test_segment__that_another_names__cannot_be_deleted(api: Api) -> None:
    inner = api.create("Inner", LIKED)
    api.create("Outer", {"not": {"segment": inner}})

    response = api("DELETE", f"{SEGMENTS}/{inner}")

    assert (response.status_code, response.json()["code"]) == (409, "in_use")
    assert "Outer" in response.json()["message"]
    assert api("GET", f"{SEGMENTS}/{inner}").status_code == 200


def test_person__by_any_identifier__is_shown_as_of_now(api: Api, acme: Company) -> None:
    segment_id = api.create("Likers", LIKED)
    with acme.scope():
        person_id = meet(acme, "a/b c", city="Seoul")
        settle(acme)
        does(acme, person_id, "liked", ago=timedelta(hours=1), product="p1")  # not digested yet

    response = api("GET", "/api/v1/people/user_id/a/b%20c")

    body = response.json()
    assert response.status_code == 200, body
    assert (body["person_id"], body["traits"]) == (str(person_id), {"city": "Seoul"})
    assert [row["segment_id"] for row in body["segments"]] == [segment_id]
    assert body["events"]["results"][0]["properties"] == {"product": "p1"}


def test_person__with_many_events__are_paged_newest_first(api: Api, acme: Company) -> None:
    with acme.scope():
        person_id = meet(acme, "ann")
        for hour in range(5):
            does(acme, person_id, f"e{hour}", ago=timedelta(hours=hour))

    first = api("GET", "/api/v1/people/user_id/ann?limit=3").json()["events"]
    second = api("GET", f"/api/v1/people/user_id/ann?limit=3&cursor={first['next_cursor']}").json()["events"]

    assert [row["name"] for row in first["results"] + second["results"]] == ["e0", "e1", "e2", "e3", "e4"]
    assert second["next_cursor"] is None


@pytest.mark.parametrize("path", ["user_id/nobody", "email/ann", "anonymous_id/ann", "user_id/a%00b"])
def test_person__that_is_unknown__is_404(api: Api, acme: Company, path: str) -> None:
    with acme.scope():
        meet(acme, "ann")

    response = api("GET", f"/api/v1/people/{path}")

    assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_segments__deleted_by_its_owner__leaves_no_versions(api: Api, acme: Company) -> None:
    segment_id = api.create("Likers", LIKED)

    api("DELETE", f"{SEGMENTS}/{segment_id}")

    with acme.scope():
        assert not Segment.objects.exists()
