from __future__ import annotations

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
        ({"constant": "import"}, {}, "import"),
        ("absent", {}, None),
        ("empty", {"empty": ""}, None),
    ],
)
def test_source__value__is_what_the_mapping_says(source: Any, row: dict[str, Any], expected: object) -> None:
    assert read(source, row) == expected


@pytest.mark.parametrize(
    "source",
    [{"column": "n", "as": "number"}, {"column": "n", "as": "boolean"}, {"column": "n", "key": "a"}],
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
        TRACK | {"timestamp": {"column": "t", "unit": "moons"}},
        TRACK | {"timestamp": {"column": "t", "unit": "hours", "from": "then"}},
    ],
)
def test_parse_mapping__something_wrong__says_so(document: Any) -> None:
    with pytest.raises(MappingError):
        parse_mapping(document)


def test_kept_mappings__each__can_be_read() -> None:
    kept = sorted(KEPT.glob("*.toml"))

    assert kept
    assert all(read_mapping(path).type for path in kept)
