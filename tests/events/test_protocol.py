"""The wire protocol, row by row."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from events.models import Receipt, RejectedItem, TraitChange
from tests.conftest import Company
from tests.events.senders import T0, batch, events_of, identify, people_of, send, track

pytestmark = pytest.mark.django_db
SENDING: list[tuple[str, str, dict[str, Any]]] = [
    ("identify", "i", {"userId": "u", "traits": {"plan": "pro"}}),
    ("track", "t", {"userId": "u", "event": "opened"}),
    ("page", "p", {"userId": "u", "name": "Home"}),
    ("screen", "s", {"userId": "u", "name": "Home"}),
    ("group", "g", {"userId": "u", "groupId": "g1", "traits": {"size": 3}}),
    ("alias", "a", {"userId": "u", "previousId": "anon"}),
]


@pytest.mark.parametrize(("name", "letter", "item"), SENDING)
def test_item__sent_to_either_address__is_stored_once(
    acme: Company, name: str, letter: str, item: dict[str, Any]
) -> None:
    item = item | {"messageId": "m1", "timestamp": T0}

    answers = [send(path, item, auth=acme.write_auth) for path in (name, letter)]

    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, {"success": True})] * 2
    with acme.scope():
        assert Receipt.objects.count() == 1
    assert set(people_of(acme)) == {"u"}


def test_batch__of_every_type__each_becomes_what_it_means(acme: Company) -> None:
    items = [{"type": name, **item, "timestamp": T0} for name, _, item in SENDING]

    answer = send("b", {"batch": items}, auth=acme.write_auth)

    assert answer.json() == {"success": True}
    assert {(event.name, json.dumps(event.properties)) for event in events_of(acme)} == {
        ("opened", "{}"),
        ("page", '{"name": "Home"}'),
        ("screen", '{"name": "Home"}'),
        ("group", '{"traits": {"size": 3}, "groupId": "g1"}'),
    }
    assert people_of(acme)["u"].traits == {"plan": "pro"}


def test_item__with_traits_in_the_context_only__sets_them(acme: Company) -> None:
    send("identify", {"userId": "u", "context": {"traits": {"plan": "pro"}}}, auth=acme.write_auth)

    assert people_of(acme)["u"].traits == {"plan": "pro"}


def test_batch__with_context_and_sent_at_above__items_take_them(acme: Company) -> None:
    answer = batch(
        acme,
        track(userId="u", context={"page": {"path": "/a"}}),
        context={"page": {"path": "/"}, "sessionId": "s1"},
        timestamp="2020-01-01T00:00:00Z",
        integrations={"All": True},
    )

    (event,) = events_of(acme)
    assert answer.status_code == 200
    assert event.context == {"page": {"path": "/a"}, "sessionId": "s1"}
    assert event.occurred_at.year == 2026


def test_single_item__too_large__is_413(acme: Company) -> None:
    answer = send("track", track(userId="u", properties={"long": "x" * 140_000}), auth=acme.write_auth)

    assert (answer.status_code, answer.json()["code"]) == (413, "item_too_large")


def test_single_item__bad__is_400_with_its_reason_and_logged(acme: Company) -> None:
    answer = send("track", {"userId": "u", "writeKey": acme.write_key})

    assert (answer.status_code, answer.json()["code"]) == (400, "missing_event")
    with acme.scope():
        (rejected,) = RejectedItem.objects.all()
    assert rejected.code == "missing_event"
    assert acme.write_key not in rejected.item


def test_odd_json__nan_surrogates_nul_and_huge_numbers__the_items_are_kept(acme: Company) -> None:
    body = (
        b'{"batch": [{"type": "track", "event": "odd", "userId": "u", "timestamp": "2026-01-05T10:00:00Z", '
        b'"properties": {"nan": NaN, "inf": -Infinity, "half": "a\\ud800b", "nul": "a\\u0000b", '
        b'"pair": "\\ud83d\\ude00", "big": 1e400, "huge": 1e200000, '
        b'"exact": 0.1000000000000000000001, "long": 123456789012345678901234567890}},'
        b'{"type": "track", "event": "good", "userId": "u"}]}'
    )

    answer = send("batch", body, auth=acme.write_auth)

    assert answer.json() == {"success": True}
    odd = next(event for event in events_of(acme) if event.name == "odd")
    assert odd.properties | {"big": None, "exact": None, "long": None} == {
        "nan": None,
        "inf": None,
        "half": r"a\ud800b",
        "nul": r"a\u0000b",
        "pair": "😀",
        "huge": None,
        "big": None,
        "exact": None,
        "long": None,
    }
    with acme.scope():
        from tenants.statements import run

        (texts,) = run(
            "SELECT properties->>'big', properties->>'exact', properties->>'long' FROM events_event WHERE name = 'odd'",
            {},
        )
    assert texts == ("1" + "0" * 400, "0.1000000000000000000001", "123456789012345678901234567890")


def test_ids__null_or_empty__are_absent_and_numbers_are_texts(acme: Company) -> None:
    answer = batch(
        acme,
        track("a", userId="", anonymousId="anon", messageId=None),
        track("b", userId=None, anonymousId="anon", messageId=""),
        track("c", userId=42, messageId="not a uuid " + "é" * 244),
        track("d", userId="", anonymousId=None),
        track("e", userId="u", messageId="x" * 256),
        track("f", userId=True),
    )

    assert [item["code"] for item in answer.json()["rejected"]] == ["missing_id", "invalid_id", "invalid_id"]
    assert {event.name for event in events_of(acme)} == {"a", "b", "c"}
    assert set(people_of(acme)) == {"anon", "42"}


def test_names__of_events__are_exact_and_bounded(acme: Company) -> None:
    answer = batch(
        acme,
        track(" Opened ", userId="u"),
        track("é" * 200, userId="u"),
        track("é" * 201, userId="u"),
        track("", userId="u"),
        track(7, userId="u"),  # type: ignore[arg-type]
        {"type": "nonsense", "userId": "u"},
        {"userId": "u"},
        "not an object",
    )

    assert [(item["index"], item["code"]) for item in answer.json()["rejected"]] == [
        (2, "invalid_event"),
        (3, "missing_event"),
        (4, "invalid_event"),
        (5, "unknown_type"),
        (6, "unknown_type"),
        (7, "invalid_item"),
    ]
    assert {event.name for event in events_of(acme)} == {" Opened ", "é" * 200}


@pytest.mark.parametrize("depth", [60, 70, 300, 900, 5_000, 100_000])
def test_nesting__too_deep__costs_that_item_alone(acme: Company, depth: int) -> None:
    deep = b'{"type":"track","event":"deep","userId":"u","properties":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"
    body = b'{"batch": [' + deep + b", " + json.dumps(track(userId="u")).encode() + b"]}"

    answer = send("batch", body, auth=acme.write_auth)

    refused = [item["code"] for item in answer.json().get("rejected", [])]
    assert refused in ([[]] if depth == 60 else [["too_deep"], ["item_too_large"]])
    assert "opened" in {event.name for event in events_of(acme)}


def test_batch__with_good_and_bad_new_and_duplicate__keeps_the_good_once(acme: Company) -> None:
    batch(acme, track("first", userId="u", messageId="m1"))

    answer = batch(
        acme,
        track("again", userId="u", messageId="m1"),
        track("new", anonymousId="anon", messageId="m2"),
        track("new twin", anonymousId="anon", messageId="m2"),
        track("linked", anonymousId="anon", userId="u", messageId="m3"),
        track("bad", messageId="m4"),
        track("large", userId="u", properties={"long": "x" * 140_000}),
        {"type": "alias", "userId": "u", "previousId": "u", "messageId": "m5"},
        {"type": "alias", "userId": "v", "previousId": "u", "messageId": "m6"},
        track("late", userId="w", timestamp="yesterday"),
    )

    assert answer.status_code == 200
    assert [(item["index"], item["code"]) for item in answer.json()["rejected"]] == [
        (4, "missing_id"),
        (5, "item_too_large"),
        (7, "alias_refused"),
        (8, "invalid_timestamp"),
    ]
    assert [event.name for event in events_of(acme)] == ["first", "new", "linked"]
    people = people_of(acme)
    assert set(people) == {"u"}
    assert {event.person_id for event in events_of(acme)} == {people["u"].person_id}
    with acme.scope():
        assert RejectedItem.objects.count() == 4


def test_messages_without_id__resent__are_stored_once_and_twins_stay_two(acme: Company) -> None:
    twins = [track(userId="u"), track(userId="u")]

    for sent_at in ("2026-01-05T10:00:01Z", "2026-01-05T10:00:09Z"):
        batch(acme, *twins, sentAt=sent_at)

    assert len(events_of(acme)) == 2


def test_messages_without_id_and_time__resent__are_two(acme: Company) -> None:
    for _ in range(2):
        batch(acme, {"type": "track", "event": "opened", "userId": "u"})

    assert len(events_of(acme)) == 2


def test_clock__of_the_client__is_corrected_by_the_time_of_sending(acme: Company) -> None:
    began_at = datetime.now(UTC)

    batch(
        acme,
        track("ten minutes before sending", userId="u", timestamp="2019-03-01T11:50:00Z"),
        track("by its original time", userId="u", timestamp=None, originalTimestamp="2019-03-01T11:59:00+00:00"),
        sentAt="2019-03-01T12:00:00Z",
    )

    first, second = events_of(acme)
    assert second.occurred_at - first.occurred_at == timedelta(minutes=9)
    assert began_at - timedelta(seconds=60) <= second.occurred_at <= second.received_at - timedelta(seconds=60)


def test_clock__that_is_fast__the_batch_is_shifted_as_one(acme: Company) -> None:
    soon = datetime.now(UTC) + timedelta(hours=3)

    batch(
        acme,
        track("newest", userId="u", timestamp=soon.isoformat()),
        track("older", userId="u", timestamp=(soon - timedelta(minutes=5)).isoformat()),
        track("year 9999", userId="u", timestamp="9999-12-31T23:59:59.999999Z"),
        track("year 1", userId="u", timestamp="0001-01-01T00:00:00+14:00"),
    )

    times = {event.name: event.occurred_at for event in events_of(acme)}
    assert all(event.occurred_at <= event.received_at for event in events_of(acme))
    assert times["newest"] - times["older"] == timedelta(minutes=5)
    assert times["year 9999"] >= times["newest"]
    assert times["year 1"] == datetime(1, 1, 3, tzinfo=UTC)


@pytest.mark.parametrize("first", [0, 1])
def test_traits__arriving_in_any_order__the_latest_stands_clears_included(acme: Company, first: int) -> None:
    older = identify("u", {"plan": "free", "city": "Seoul", "address": {"street": "a", "zip": 1}, "Name": "Kim"})
    newer = identify("u", {"plan": "pro", "city": None, "address": {"street": "b"}}, timestamp="2026-01-05T11:00:00Z")

    for item in ([older, newer], [newer, older])[first]:
        batch(acme, item)

    person = people_of(acme)["u"]
    assert person.traits == {"plan": "pro", "address": {"street": "b"}, "Name": "Kim"}
    assert person.traits_normal == {"plan": "pro", "address": {"street": "b"}, "Name": "kim"}
    with acme.scope():
        assert TraitChange.objects.count() == 7


def test_events__with_texts_to_normalise__keep_both_forms(acme: Company) -> None:
    batch(
        acme,
        track("shout", userId="u", properties={"Tag": ["Ａ", " STRASSE ", "straße"]}, context={"locale": "en"}),
    )

    (event,) = events_of(acme)
    assert event.properties_normal == {"Tag": ["ａ", "strasse", "strasse"]}
    assert event.context_normal is None


def test_source__by_key_or_library__is_app_or_server(acme: Company) -> None:
    batch(acme, track("a", userId="u"))
    batch(acme, track("b", userId="u"), server=True)
    batch(acme, track("c", userId="u", context={"library": {"name": "analytics-python"}}))

    assert {event.name: event.source for event in events_of(acme)} == {"a": "app", "b": "server", "c": "server"}


def test_people__touched_by_a_batch__wait_for_digestion(acme: Company) -> None:
    batch(acme, track(anonymousId="anon", userId="u"), track(userId="u", timestamp="2025-01-01T00:00:00Z"))

    person = people_of(acme)["u"]
    assert person.touched_at is not None
    assert (person.first_seen_at.year, person.last_seen_at.year) == (2025, 2026)


def test_duplicates_alone__touch_nobody(acme: Company) -> None:
    batch(acme, track(userId="u", messageId="m"))
    with acme.scope():
        from events.models import Person

        Person.objects.update(touched_at=None)

    batch(acme, track(userId="u", messageId="m"))

    assert people_of(acme)["u"].touched_at is None


def test_clock__at_the_edge_of_the_calendar__pages_still_tell_the_time(acme: Company) -> None:
    with acme.scope():
        acme.tenant.time_zone = "America/New_York"
        acme.tenant.save()
    batch(acme, track(userId="u", timestamp="0001-01-01T00:00:00+23:59"))
    browser = Client()
    browser.force_login(acme.users["owner"])
    (person,) = people_of(acme).values()

    answers = [browser.get(path) for path in ("/people/", f"/people/{person.person_id}/")]

    assert [answer.status_code for answer in answers] == [200, 200]


def test_metrics__without_a_key__are_dropped(db: None) -> None:
    assert send("m", {"series": []}).json() == {"success": True}


def test_loaders__ask_for_their_settings__and_get_plausible_ones(acme: Company) -> None:
    one = Client().get(f"/v1/projects/{acme.write_key}/settings", HTTP_ORIGIN="https://shop.example")
    other = Client().get("/sourceConfig/?p=web", **acme.write_auth)
    unknown = Client().get("/v1/projects/wk_wrong/settings")

    assert one.json()["integrations"]["Segment.io"]["apiHost"] == "testserver/v1"
    assert one["Access-Control-Allow-Origin"] == "https://shop.example"
    assert other.json()["source"]["enabled"] is True
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_key")


def test_tenants__with_the_same_ids__are_apart(acme: Company, globex: Company) -> None:
    for company in (acme, globex):
        batch(company, identify("u", {"of": company.tenant.name}, messageId="i"), track(userId="u", messageId="m"))

    for company in (acme, globex):
        (event,) = events_of(company)
        person = people_of(company)["u"]
        assert event.person_id == person.person_id
        assert person.traits == {"of": company.tenant.name}
    assert people_of(acme)["u"].person_id != people_of(globex)["u"].person_id
