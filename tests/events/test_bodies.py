"""What a request is read from: its write key, wherever it stands, and its body, however it is packed."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest

from tests.conftest import Company
from tests.events.senders import events_of, packed, send, track

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("where", ["basic", "bearer", "body", "item"])
def test_write_key__wherever_it_stands__is_found_and_not_stored(acme: Company, where: str) -> None:
    body: dict[str, Any] = {"batch": [track(userId="u")]}
    auth = {}
    match where:
        case "basic":
            auth = acme.write_auth
        case "bearer":
            auth = {"HTTP_AUTHORIZATION": f"Bearer {acme.write_key}"}
        case "body":
            body["writeKey"] = acme.write_key
        case "item":
            body["batch"][0]["writeKey"] = acme.write_key

    answer = send("batch", body, auth=auth)

    (event,) = events_of(acme)
    assert answer.status_code == 200
    assert acme.write_key not in json.dumps([event.properties, event.context])


def test_write_key__unknown_or_absent__is_401_in_the_one_shape(acme: Company) -> None:
    wrong = {"HTTP_AUTHORIZATION": "Basic " + base64.b64encode(b"wk_wrong:").decode()}

    answers = [
        send("track", track(userId="u")),
        send("track", track(userId="u"), auth=wrong),
        send("track", track(userId="u", writeKey="wk_\x00wrong")),
        send("track", track(userId="u"), HTTP_AUTHORIZATION="Basic %%%"),
    ]

    assert [answer.status_code for answer in answers] == [401] * 4
    assert {tuple(answer.json()) for answer in answers} == {("code", "message")}


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/x-www-form-urlencoded", "x"])
@pytest.mark.parametrize("headers", [{}, {"HTTP_CONTENT_ENCODING": "gzip"}])
def test_body__of_any_content_type__is_read_as_json(acme: Company, content_type: str, headers: dict[str, str]) -> None:
    body = {"batch": [track(userId="u")], "writeKey": acme.write_key}

    answer = send("batch", packed(body) if headers else body, content_type=content_type, **headers)

    assert answer.json() == {"success": True}
    assert len(events_of(acme)) == 1


def test_body__gzip_without_its_header_or_in_several_parts__is_read(acme: Company) -> None:
    whole = json.dumps({"batch": [track(userId="u")]}).encode()

    answer = send("batch", gzip.compress(whole[:20]) + gzip.compress(whole[20:]), auth=acme.write_auth)

    assert answer.json() == {"success": True}


def test_body__of_many_tiny_gzip_members__is_refused_without_reading_them(acme: Company) -> None:
    whole = json.dumps({"batch": [track(userId="u")]}).encode()
    parts = [gzip.compress(whole[place : place + 20]) for place in range(0, len(whole), 20)]
    fit, over = b"".join([*parts, gzip.compress(b"") * (16 - len(parts))]), gzip.compress(b"") * 250_000

    answers = [send("batch", body, auth=acme.write_auth) for body in (fit, fit + gzip.compress(b""), over[:5_000_000])]

    assert [answer.status_code for answer in answers] == [200, 400, 400]
    assert answers[1].json()["code"] == answers[2].json()["code"] == "bad_gzip"


def test_body__a_gzip_bomb__is_413_and_never_inflated_whole(acme: Company) -> None:
    bomb = gzip.compress(b" " * 200_000_000)

    answer = send("batch", bomb, auth=acme.write_auth, HTTP_CONTENT_ENCODING="gzip")

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "bad_json"),
        (b"{", 400, "bad_json"),
        (b"[]", 400, "invalid_batch"),
        (b"{}", 400, "invalid_batch"),
        (b'{"batch": {}}', 400, "invalid_batch"),
        (b"\x1f\x8b nonsense", 400, "bad_gzip"),
        (b"\xff\xfe\x00", 400, "bad_json"),
        (b"[" * 100_000, 400, "bad_json"),
        (b'{"batch": [' + b"{}," * 5_000 + b"{}]}", 413, "too_many_items"),
        (b" " * 6_000_000, 413, "too_large"),
    ],
)
def test_body__of_which_nothing_can_be_kept__is_named(acme: Company, body: bytes, status: int, code: str) -> None:
    answer = send("batch", body, auth=acme.write_auth)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
