"""Whatever arrives: no exception, and the good items are kept."""

from __future__ import annotations

import json
import math
import unicodedata
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from events.clock import microseconds_of, occurrences, parse_instant
from events.items import Item
from events.lenient import NotJSON, encode_json, exact_number, strict_json
from events.normalisation import normalise_text, normalised
from events.parsing import Parsed, UnreadableBody, parse_batch, parse_document, parse_single
from tests.oracle.values import normalise

LIMIT = 128 * 1024
GOOD = {"type": "track", "event": "good", "userId": "u", "messageId": "good"}

# Texts may hold NUL and half surrogate pairs, numbers may be NaN or Infinity: so clients write.
odd_text = st.text(st.characters(codec=None, exclude_categories=()), max_size=8)
odd_number = st.one_of(
    st.floats(), st.integers(), st.sampled_from([10**400, -(10**999), math.inf]), st.integers(-(10**30), 10**30)
)
odd_json = st.recursive(
    st.one_of(st.none(), st.booleans(), odd_number, odd_text),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(odd_text, inner, max_size=3),
    max_leaves=8,
)
FIELDS = [
    "type", "event", "name", "category", "userId", "anonymousId", "previousId", "groupId", "messageId", "timestamp",
    "originalTimestamp", "sentAt", "properties", "traits", "context", "writeKey", "integrations",
]  # fmt: skip
likely = st.one_of(
    odd_json,
    st.sampled_from(["identify", "track", "page", "screen", "group", "alias", "u", "", None]),
    st.datetimes().map(datetime.isoformat),
    st.sampled_from(["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-02-30", "2026-01-01T24:00:00Z"]),
    st.dictionaries(odd_text, odd_json, max_size=3),
)
odd_item = st.dictionaries(st.sampled_from(FIELDS), likely, max_size=12) | odd_json


def written(document: Any) -> bytes:
    """As Python clients write it: NaN and half surrogates included."""
    return json.dumps(document).encode()


@given(st.lists(odd_item, max_size=4), st.integers(0, 4), likely, likely)
def test_batch__of_odd_items__keeps_the_good_one_and_names_the_others(
    items: list[Any], place: int, context: Any, sent_at: Any
) -> None:
    place = min(place, len(items))
    batch = [*items[:place], GOOD, *items[place:]]

    parsed = parse_batch(written({"batch": batch, "context": context, "sentAt": sent_at}), max_item_bytes=LIMIT)

    indexes = [item.index for item in parsed.items] + [one.index for one in parsed.rejections]
    assert sorted(indexes) == list(range(len(batch)))
    good = next(item for item in parsed.items if item.index == place)
    assert (good.event_name, good.user_id, good.message_id) == ("good", "u", "good")
    for item in parsed.items:
        assert_storable(item)
    occurrences([(item.client_time, item.sent_at) for item in parsed.items], arrived_at=datetime.now(UTC))


@given(odd_item, st.sampled_from(["identify", "track", "page", "screen", "group", "alias"]))
def test_single_item__of_any_content__is_kept_or_named(item: Any, item_type: str) -> None:
    try:
        parsed = parse_single(written(item), item_type=item_type, max_item_bytes=LIMIT)
    except UnreadableBody as error:
        assert error.code == "invalid_body"
        assert not isinstance(item, dict)
        return

    assert len(parsed.items) + len(parsed.rejections) == 1
    for one in parsed.items:
        assert_storable(one)


@given(st.binary(max_size=60))
@example(b'{"batch":[{"type":"track"')
@example(b'{"batch":["\\ud800"]}')
@example(b'{"batch":[1e99999999999999999999999]}')
@example(b'{"batch":[{"userId":"u","type":"track","event":"\xff\xc0"}]}')
@example(b'\xef\xbb\xbf{"batch":[]}')
@example('{"batch":[]}'.encode("utf-16"))
@example(b'{"batch":[' + b"9" * 9_000 + b"]}")
def test_body__of_any_bytes__is_read_or_refused(body: bytes) -> None:
    for parse in (parse_document, lambda body: parse_batch(body, max_item_bytes=LIMIT)):
        try:
            parse(body)
        except UnreadableBody as error:
            assert error.code in ("bad_json", "invalid_body", "invalid_batch")


@given(odd_json)
def test_strict_json__of_what_a_client_writes__is_strict_and_stays(document: Any) -> None:
    strict = strict_json(written(document))

    msgspec.json.Decoder(float_hook=exact_number).decode(strict)
    assert strict_json(strict) == strict
    assert rb"\u0000" not in strict.replace(rb"\\u0000", b"")


def assert_storable(item: Item) -> None:
    for document in (item.properties, item.context, item.traits):
        text = encode_json(document).decode()
        assert rb"\u0000" not in text.replace(r"\\u0000", "").encode()
        normal = normalised(document)
        assert normal is None or normalised(normal) is None or normal != document
    assert "\x00" not in item.message_id + (item.user_id or "") + (item.anonymous_id or "") + (item.event_name or "")
    assert len(item.message_id) <= 255


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1.50", Decimal("1.50")),
        ("1e1000", Decimal("1e1000")),
        ("1e1001", None),
        ("-1E-1001", None),
        ("1e-0000000000000000001", None),
        ("0." + "1" * 998, Decimal("0." + "1" * 998)),
        ("0." + "1" * 999, None),
    ],
)
def test_number__beyond_what_is_kept__is_null(text: str, number: Decimal | None) -> None:
    assert exact_number(text) == number


def test_strict_json__that_is_none__is_refused() -> None:
    for body in (b"", b"{", b"nul", b'{"a" 1}', b"[" * 50_000, b'"' + b'\\"' * 50_000):
        with pytest.raises(NotJSON):
            strict_json(body)


@given(st.text())
def test_normalisation__of_any_text__is_the_published_one(text: str) -> None:
    assert normalise_text(text) == normalise(text)
    assert normalise_text(text) == unicodedata.normalize("NFC", text).strip(WHITE_SPACE).casefold()


WHITE_SPACE = "".join(chr(code) for code in range(0x3001) if chr(code).isspace() and not 0x1C <= code <= 0x1F)


@pytest.mark.parametrize("same", [{}, {"a": 1, "b": ["x", None, {"c": "y"}], "C": True}])
def test_normalised__when_nothing_differs__is_none(same: dict[str, Any]) -> None:
    assert normalised(same) is None


def test_normalised__when_something_differs__keeps_keys_and_other_values() -> None:
    document = {"Key": [" A ", 1.5, {"B": "\u1112\u1161\u11ab"}], "same": "x"}

    assert normalised(document) == {"Key": ["a", 1.5, {"B": "한"}], "same": "x"}
    assert document["Key"][0] == " A "  # type: ignore[index]


NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINUTE = 60_000_000


def at(minutes: float) -> int:
    return microseconds_of(NOW) + int(minutes * MINUTE)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([], []),
        ([(None, None), (None, at(5))], [0, 0]),
        ([(at(-5), None)], [-5]),
        ([(at(55), at(60))], [-5]),
        ([(at(-5), at(-3))], [-2]),
        ([(at(5), None), (at(3), None), (at(-9), None), (None, None)], [0, -2, -14, 0]),
        ([(at(5 * 525_960), None), (at(2), None), (at(1), None)], [0, 0, -1]),
        ([(at(-5), parse_instant("9999-12-31T23:59:59Z"))], [-5]),
    ],
)
def test_occurrences__by_two_clocks__are_corrected(times: list[Any], expected: list[int]) -> None:
    assert occurrences(times, arrived_at=NOW) == [
        microseconds_of(NOW + timedelta(minutes=minutes)) for minutes in expected
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-06-01T12:00:00Z", 0),
        ("2026-06-01t14:00:00.000+02:00", 0),
        (" 2026-06-01 12:00:00 ", 0),
        ("2026-06-01T12:00:00.0000009Z", 0),
        (1_780_315_200_000, 0),
        ("2026-06-01", -720),
    ],
)
def test_instant__in_the_forms_of_clients__is_read(value: Any, expected: int) -> None:
    assert parse_instant(value) == at(expected)


@pytest.mark.parametrize(
    "value", ["", "now", "today", "2026-13-01", 5, True, [], {}, "2026", None, 10**30, Decimal("1.5")]
)
def test_instant__that_is_none__is_none(value: Any) -> None:
    assert parse_instant(value) is None


def test_made_ids__of_the_same_content_time_and_place__agree_whatever_the_sending() -> None:
    def ids(**more: Any) -> list[str]:
        item = {"type": "track", "event": "e", "userId": "u", "timestamp": "2026-01-01T00:00:00Z"}
        parsed: Parsed = parse_batch(written({"batch": [item | more, item | more]}), max_item_bytes=LIMIT)
        return [item.message_id for item in parsed.items]

    assert ids() == ids(sentAt="2026-01-02T00:00:00Z") == ids(writeKey="k")
    assert len(set(ids())) == 2
    assert ids() != ids(properties={"a": 1})
    assert set(ids(timestamp=None)).isdisjoint(ids(timestamp=None))
