"""The pages of segments and people, as each role meets them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from segments.editing import edit_segment
from segments.examples import EXAMPLES
from segments.models import Segment
from segments.profiles import search_people
from tenants.models import AuditEntry
from tests.conftest import Company
from tests.segments.people import does, meet, settle

BY: Any = {"actor": None, "address": None}
LIKED = {"did": "liked", "within": "30d"}
FORM = {"name": "Likers", "description": "", "condition": json.dumps(LIKED)}


@pytest.fixture
def marketer(acme: Company, client: Client) -> Client:
    client.force_login(acme.users["marketer"])
    return client


def test_segment__made_by_a_marketer__is_saved_computed_and_audited(marketer: Client, acme: Company) -> None:
    with acme.scope():
        does(acme, meet(acme, "ann"), "liked")

    response = marketer.post("/segments/new/", FORM)

    with acme.scope():
        segment = Segment.objects.get()
        entry = AuditEntry.objects.get(action="segment.created")
    assert response.headers["Location"] == f"/segments/{segment.pk}/"
    assert (segment.condition, entry.actor) == (LIKED, "marketer@acme.example")
    settle(acme)
    page = marketer.get(response.headers["Location"]).content.decode()
    assert "1 person is in it now" in page
    assert "ann" in page


@pytest.mark.parametrize("role", ["analyst", "developer"])
def test_segment_pages__for_those_who_only_look__show_all_and_change_nothing(
    client: Client, acme: Company, role: str
) -> None:
    with acme.scope():
        segment = edit_segment(name="Likers", description="", condition=LIKED, by=BY)
    client.force_login(acme.users[role])

    for path in ("/segments/", f"/segments/{segment.pk}/", "/people/"):
        response = client.get(path)
        assert response.status_code == 200
        assert "/edit/" not in response.content.decode()
    for path in ("/segments/new/", f"/segments/{segment.pk}/edit/", f"/segments/{segment.pk}/delete/"):
        assert client.get(path).status_code == 403
        assert client.post(path, FORM).status_code == 403
    with acme.scope():
        assert Segment.objects.get().name == "Likers"


def test_segment_pages__for_strangers__lead_to_signing_in(client: Client, acme: Company, globex: Company) -> None:
    with acme.scope():
        segment = edit_segment(name="Likers", description="", condition=LIKED, by=BY)

    assert client.get("/segments/").headers["Location"].startswith("/accounts/login/")
    client.force_login(globex.users["owner"])
    for path in (f"/segments/{segment.pk}/", f"/segments/{segment.pk}/edit/", f"/segments/{segment.pk}/delete/"):
        assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ('{"did": "liked"', "This is not JSON. Line 1"),
        ('{"all": [{"did": "a", "within": "x"}]}', "all[0].within: Give a duration"),
        ('{"trait": "a", "op": "=", "value": "\\u0000"}', "NUL"),
        ("", "required"),
    ],
)
def test_segment__refused__keeps_what_was_typed_and_says_why(marketer: Client, condition: str, words: str) -> None:
    response = marketer.post("/segments/new/", FORM | {"condition": condition, "name": "Mine & yours"})

    page = response.content.decode()
    assert response.status_code == 422
    assert words in page.replace("&quot;", '"').replace("&#x27;", "'")
    assert "Mine &amp; yours" in page
    assert condition.replace('"', "&quot;") in page


def test_segment__a_name_that_is_taken__is_told_beside_it(marketer: Client, acme: Company) -> None:
    with acme.scope():
        edit_segment(name="Likers", description="", condition=LIKED, by=BY)

    assert "Another segment has this name" in marketer.post("/segments/new/", FORM).content.decode()


def test_estimate__as_one_types__counts_or_says_what_is_wrong(marketer: Client, acme: Company) -> None:
    with acme.scope():
        does(acme, meet(acme, "ann"), "liked")
        meet(acme, "ben")

    def shown(condition: str) -> str:
        return marketer.post("/segments/estimate/", {"condition": condition}).content.decode()

    assert ">1<" in shown(json.dumps(LIKED))
    assert "of 2 people match now" in shown(json.dumps(LIKED))
    assert "within: Give a duration" in shown('{"did": "liked", "within": "x"}')
    assert "not JSON" in shown("{")
    assert "appears here" in shown("  ")


def test_estimate__that_leads_back_to_itself__says_so(marketer: Client, acme: Company) -> None:
    with acme.scope():
        segment = edit_segment(name="Likers", description="", condition=LIKED, by=BY)
    body = {"condition": json.dumps({"segment": str(segment.pk)}), "segment": str(segment.pk)}

    assert "leads back" in marketer.post("/segments/estimate/", body).content.decode()


def test_segment__used_by_another__is_not_deleted(marketer: Client, acme: Company) -> None:
    with acme.scope():
        inner = edit_segment(name="Inner", description="", condition=LIKED, by=BY)
        edit_segment(name="Outer", description="", condition={"segment": str(inner.pk)}, by=BY)

    page = marketer.post(f"/segments/{inner.pk}/delete/").content.decode()

    assert "Outer" in page
    with acme.scope():
        assert Segment.objects.count() == 2


def test_segment__unused__is_deleted_after_asking(marketer: Client, acme: Company) -> None:
    with acme.scope():
        segment = edit_segment(name="Likers", description="", condition=LIKED, by=BY)

    assert marketer.get(f"/segments/{segment.pk}/delete/").status_code == 200
    with acme.scope():
        assert Segment.objects.exists()
    assert marketer.post(f"/segments/{segment.pk}/delete/").headers["Location"] == "/segments/"
    with acme.scope():
        assert not Segment.objects.exists()


def test_members__over_several_pages__are_met_once_each(marketer: Client, acme: Company) -> None:
    with acme.scope():
        for n in range(30):
            does(acme, meet(acme, f"person-{n:02}"), "liked")
        segment = edit_segment(name="Likers", description="", condition=LIKED, by=BY)
    settle(acme)

    with acme.scope():
        first = marketer.get(f"/segments/{segment.pk}/")
    second = marketer.get(f"/segments/{segment.pk}/", {"after": first.context["next"]})

    seen = [member.person_id for page in (first, second) for member in page.context["members"]]
    assert (len(seen), len(set(seen)), second.context["next"]) == (30, 30, None)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example.name))
def test_examples__each__can_be_saved_as_it_stands(marketer: Client, example: Any) -> None:
    assert marketer.post("/segments/new/", FORM | {"condition": example.text}).status_code == 302


@pytest.mark.parametrize("query", ["after=x", "after=%00"])
def test_segment_page__with_a_wrong_cursor__is_404(marketer: Client, acme: Company, query: str) -> None:
    with acme.scope():
        segment = edit_segment(name="Likers", description="", condition=LIKED, by=BY)

    assert marketer.get(f"/segments/{segment.pk}/?{query}").status_code == 404


def test_search__by_the_beginning_of_an_identifier__finds_it_in_code_point_order(acme: Company) -> None:
    names = ["ab", "ab\U0010ffff", "abc", "aB", "ac", "a", "ab-2", "눈치"]
    with acme.scope():
        for name in names:
            meet(acme, name)

        assert [found.value for found in search_people(text="ab", limit=10)] == ["ab", "ab-2", "abc", "ab\U0010ffff"]
        assert [found.value for found in search_people(text="눈", limit=10)] == ["눈치"]
        assert [found.value for found in search_people(text="\U0010ffff", limit=10)] == []
        assert len(search_people(text="", limit=10)) == len(names)


def test_search__as_the_application_role__uses_the_index(scoped: Company) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute("SET LOCAL enable_sort = off")  # on an empty table all indexes cost the same
        cursor.execute(
            "EXPLAIN SELECT person_id FROM events_person WHERE tenant_id = %s "
            "AND identifier >= 'ab' AND identifier < 'ac' ORDER BY identifier, person_id LIMIT 26",
            [scoped.tenant.pk],
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())

    assert "person_identifier" in plan
    assert "identifier >= 'ab'" in plan.partition("Index Cond:")[2].partition("\n")[0]


def test_person__found_by_an_alias__shows_traits_segments_and_events(marketer: Client, acme: Company) -> None:
    with acme.scope():
        edit_segment(name="The likers", description="", condition=LIKED, by=BY)
        ann = meet(acme, "ann", city="<b>Seoul</b>")
        does(acme, ann, "liked", ago=timedelta(hours=1), product="p1")
    settle(acme)

    found = marketer.get("/people/", {"q": "an"}).content.decode()
    page = marketer.get(f"/people/{ann}/").content.decode()

    assert f"/people/{ann}/" in found
    for words in ("The likers", "liked", "p1", "&lt;b&gt;Seoul"):
        assert words in page
    assert marketer.get(f"/people/{ann}/?at=x&event={ann}").status_code == 404


def test_person__of_another_tenant__does_not_exist(client: Client, acme: Company, globex: Company) -> None:
    with acme.scope():
        ann = meet(acme, "ann")
    client.force_login(globex.users["owner"])

    assert client.get(f"/people/{ann}/").status_code == 404
    assert "ann" not in client.get("/people/", {"q": "ann"}).context["found"]
