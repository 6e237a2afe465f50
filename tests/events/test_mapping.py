from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from events.mapping import KEPT, MappingError, RowError, parse_mapping, read_mapping

TRACK = {"type": "track", "userId": "person", "event": {"constant": "bought"}}


def read(source: Any, row: dict[str, Any], name: str = "value") -> Any:
    mapping = parse_mapping(TRACK | {"properties": {name: source}})
    return mapping.apply({"person": "p"} | row).properties.get(name)


@pytest.mark.parametrize(
    ("source", "row", "expected"),
    [
        ("price", {"price": "9.90"}, "9.90"),
        ({"column": "price", "as": "number"}, {"price": "12"}, 12),
        ({"column": "n", "as": "number", "missing": [118]}, {"n": "118"}, None),
        ({"column": "n", "as": "boolean"}, {"n": "Yes"}, True),
        ({"column": "n", "as": "list"}, {"n": "a, b"}, ["a", "b"]),
        ({"column": "n", "as": "object"}, {"n": '{"a": [1]}'}, {"a": [1]}),
        ({"column": "n", "as": "date", "format": "%Y%m%d"}, {"n": "20170212"}, "2017-02-12"),
        ({"column": "n", "key": ["offer id", "offer_id"]}, {"n": "{'offer_id': 'x'}"}, "x"),
        ({"column": "n", "key": "address.city"}, {"n": {"address": {"city": "Seoul"}}}, "Seoul"),
        ({"columns": ["a", "b"]}, {"a": "", "b": "second"}, "second"),
        ({"column": "n", "rename": {"old": "new"}}, {"n": "old"}, "new"),
        ({"column": "price", "times": "n"}, {"price": "2.55", "n": "6"}, Decimal("15.30")),
        ({"column": "price", "times": "n"}, {"price": "2.55", "n": ""}, None),
        ({"constant": "import"}, {}, "import"),
        ("absent", {}, None),
        ("empty", {"empty": ""}, None),
    ],
)
def test_source__value__is_what_the_mapping_says(source: Any, row: dict[str, Any], expected: object) -> None:
    assert read(source, row) == expected


@pytest.mark.parametrize(
    "source",
    [
        {"column": "n", "as": "number"},
        {"column": "n", "as": "boolean"},
        {"column": "n", "key": "a"},
        {"column": "n", "times": "n"},
        {"constant": 1, "times": "n"},
    ],
)
def test_source__value_of_another_kind__refuses_the_row(source: Any) -> None:
    with pytest.raises(RowError):
        read(source, {"n": "what?"})


@pytest.mark.parametrize(
    ("source", "value", "expected"),
    [
        ({"column": "t", "unit": "hours", "from": "2018-07-27T00:00:00Z"}, "90", "2018-07-30T18:00:00+00:00"),
        ({"column": "t", "unit": "seconds"}, 1_532_649_600, "2018-07-27T00:00:00+00:00"),
        ({"column": "t", "format": "%d.%m.%Y %H:%M"}, "27.07.2018 09:30", "2018-07-27T09:30:00+00:00"),
        ("t", "2018-07-27T09:30:00+09:00", "2018-07-27T09:30:00+09:00"),
    ],
)
def test_timestamp__every_way_of_telling_time__is_an_instant(source: Any, value: object, expected: str) -> None:
    mapping = parse_mapping(TRACK | {"timestamp": source})

    assert mapping.apply({"person": "p", "t": value}).timestamp == expected


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"type": "track", "event": {"constant": "x"}},
        {"type": "track", "userId": "p"},
        {"type": "dance", "userId": "p"},
        TRACK | {"colour": "red"},
        TRACK | {"properties": ["price"]},
        TRACK | {"properties": {"x": {"column": "a", "constant": "b"}}},
        TRACK | {"properties": {"x": {"column": "a", "as": "money"}}},
        TRACK | {"properties": {"x": {"column": "a", "as": "date"}}},
        TRACK | {"properties": {"x": {"column": "a", "like": "b"}}},
        TRACK | {"properties": {"x": {"column": "a", "times": 2}}},
        TRACK | {"properties": {"x": {"column": "a", "unless": "userId"}}},
        TRACK | {"anonymousId": {"column": "a", "unless": "anonymousId"}},
        TRACK | {"anonymousId": {"column": "a", "unless": "person"}},
        TRACK | {"timestamp": {"column": "t", "unit": "moons"}},
        TRACK | {"timestamp": {"column": "t", "unit": "hours", "from": "then"}},
    ],
)
def test_parse_mapping__something_wrong__says_so(document: Any) -> None:
    with pytest.raises(MappingError):
        parse_mapping(document)


def test_unless__of_a_field_that_has_a_value__leaves_the_other_out() -> None:
    mapping = parse_mapping(TRACK | {"anonymousId": {"column": "visit", "unless": "userId"}})

    known, unknown = ({"person": "p", "visit": "v"}, {"person": "", "visit": "v"})

    assert (mapping.apply(known).user_id, mapping.apply(known).anonymous_id) == ("p", None)
    assert (mapping.apply(unknown).user_id, mapping.name(unknown).anonymous_id) == (None, "v")
    assert mapping.name(known).anonymous_id is None


def test_columns__of_a_mapping__are_all_that_it_reads() -> None:
    mapping = parse_mapping(
        TRACK
        | {"properties": {"total": {"columns": ["a", "b"], "times": "n"}}, "context": {"constant": {"constant": 1}}}
    )

    assert mapping.columns == {"person", "a", "b", "n"}


def test_digest__of_a_mapping__tells_what_it_means_and_not_how_it_is_written() -> None:
    one, same, other = (
        parse_mapping(document)
        for document in (TRACK, dict(reversed(TRACK.items())), TRACK | {"event": {"constant": "sold"}})
    )

    assert one.digest == same.digest != other.digest


def test_kept_mappings__each__can_be_read() -> None:
    kept = sorted(KEPT.glob("*.toml"))

    assert kept
    assert all(read_mapping(path).type for path in kept)
