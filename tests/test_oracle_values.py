"""The oracle's reading and comparing of values, rules 1 to 6 of the specification."""

from decimal import Decimal
from typing import Any

import pytest

from tests.oracle.examples import fact, holds
from tests.oracle.values import keys_of, normalise, number_of, same_value


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("a", ["a"]),
        ("a.b", ["a", "b"]),
        (r"a\.b", ["a.b"]),
        (r"a\.b.c", ["a.b", "c"]),
        (r"a\b", ["a\\b"]),
        (r"a\\.b", ["a\\.b"]),
        ("a\\", ["a\\"]),
        ("a..b", ["a", "", "b"]),
        ("", [""]),
    ],
)
def test_path__dots_and_backslashes__become_keys(path: str, keys: list[str]) -> None:
    assert keys_of(path) == keys


def test_path__into_a_list_or_a_text__finds_nothing() -> None:
    for value in (["Seoul"], "Seoul", {"0": None}):
        assert holds({"trait": "cities.0", "op": "not_exists"}, traits={"cities": value})
    assert holds({"trait": "cities.0", "op": "exists"}, traits={"cities": {"0": "Seoul"}})


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (None, " \u3000", True),
        (None, 0, False),
        ("", [], False),
        (1, 1.0, True),
        (1, "1", False),
        ("1", "1.0", False),
        ("Straße", "STRASSE", True),
        (True, "TRUE ", True),
        (False, "false", True),
        (True, False, False),
        (True, 1, False),
        (True, "1", False),
        ([], [], False),
        ([1], [1], False),
        ({"a": 1}, {"a": 1}, False),
        (9007199254740993, 9007199254740992.0, False),
    ],
)
def test_same__two_facts__are_equal_by_kind(one: Any, other: Any, equal: bool) -> None:
    assert same_value(one, other) is equal
    assert same_value(other, one) is equal


# ---- rule 1: missing


MISSING = [None, "", "  ", "\u3000", "\t\r\n\x85\u2028"]
PRESENT = [[], {}, 0, False, "x", "\u200b", "\x1f", ["", None]]


@pytest.mark.parametrize("value", MISSING)
def test_missing__any_operator__only_not_exists_matches(value: Any) -> None:
    assert fact(value, "not_exists")
    assert not fact(value, "exists")
    for op, literal in [
        ("=", "y"),
        ("!=", "y"),
        ("in", ["y"]),
        ("not_in", ["y"]),
        ("contains", "y"),
        ("not_contains", "y"),
        ("<", 1),
        ("before", "2026-01-01"),
        ("starts_with", "y"),
    ]:
        assert not fact(value, op, literal)


def test_missing__absent_key__is_as_null() -> None:
    assert holds({"trait": "x", "op": "not_exists"})
    assert not holds({"trait": "x", "op": "!=", "value": 1})
    assert holds({"not": {"trait": "x", "op": "=", "value": 1}})


@pytest.mark.parametrize("value", PRESENT)
def test_present__of_whatever_type__satisfies_the_negative_forms_when_the_positive_fails(value: Any) -> None:
    assert fact(value, "exists")
    assert not fact(value, "not_exists")
    assert fact(value, "!=", "other")
    assert fact(value, "not_in", ["other", 7])
    assert fact(value, "not_contains", "other")


# ---- rule 2: text, numbers, equality


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("ß", "ss"),
        ("ẞ", "ss"),
        ("İ", "i\u0307"),
        ("ς", "σ"),
        ("Σ", "σ"),
        ("\u3000서울\u3000", "서울"),
        ("\u1109\u1165\u110b\u116e\u11af", "서울"),  # decomposed Hangul
        ("e\u0301", "é"),
        ("\u2000a\u200a\u2028\u202f\u205f\xa0\x85\u1680", "a"),
        ("\x1fa", "\x1fa"),  # the information separators are not white space
        ("\u200ba\ufeff", "\u200ba\ufeff"),  # nor are the zero-width ones
        ("a  b", "a  b"),  # white space inside stays
    ],
)
def test_normalise__vector__is_as_published(text: str, normal: str) -> None:
    assert normalise(text) == normal


@pytest.mark.parametrize(
    ("value", "literal", "equal"),
    [
        ("Straße", "STRASSE", True),
        ("\u1109\u1165\u110b\u116e\u11af ", "서울", True),
        ("i", "İ", False),
        ("01234", "01234", True),
        ("01234", 1234, False),  # a leading zero is no JSON number
        ("1234", 1234, True),
        ("1234.0", 1234, True),
        (1234, "1234", False),
        ("1234.0", "1234", False),
        (" 1e1 ", 10, True),
        ("１０", 10, False),
        ("+10", 10, False),
        (0.1, Decimal("0.1"), True),
        (0.1 + 0.2, 0.3, False),
        (9007199254740993, 9007199254740992, False),
        (-0.0, 0, True),
        (True, "TRUE", True),
        ("False ", False, True),
        (True, True, True),
        (True, False, False),
        (True, 1, False),
        (1, True, False),
        ("1", True, False),
        (0, False, False),
        (["red"], "red", False),
        ({"a": 1}, "a", False),
        ("2026-01-01T00:00Z", "2026-01-01T00:00+00:00", False),  # `=` compares times as text
        ("2026-01-01T00:00Z", "2026-01-01t00:00z", True),
    ],
)
def test_equal__fact_and_literal__by_kind(value: Any, literal: Any, equal: bool) -> None:
    assert fact(value, "=", literal) is equal
    assert fact(value, "!=", literal) is not equal
    assert fact(value, "in", ["no such", literal]) is (equal or value == [literal])


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("-0.50", Decimal("-0.5")),
        ("1E+2", Decimal(100)),
        ("1e9999", Decimal("1e9999")),
        ("1e10000", None),
        ("1e-10000", None),
        ("1" * 1000, Decimal("1" * 1000)),
        ("1" * 1001, None),
        ("1.", None),
        (".5", None),
        ("01", None),
        ("-", None),
        ("1 0", None),
        ("1_0", None),
        ("0x1", None),
        ("NaN", None),
        ("infinity", None),
        ("٣", None),
    ],
)
def test_numeric_text__by_the_json_grammar__is_a_number_or_not(text: str, number: Decimal | None) -> None:
    assert number_of(text) == number


# ---- rules 3 to 5: order, contains, wrong types


@pytest.mark.parametrize(
    ("value", "answers"),  # for > >= < <= against 10
    [
        (9.99, [False, False, True, True]),
        (10, [False, True, False, True]),
        ("10.0", [False, True, False, True]),
        (" 11 ", [True, True, False, False]),
        ("9", [False, False, True, True]),  # as a number: as text it would be greater
        ("abc", [False] * 4),
        ("2026-01-01", [False] * 4),
        (True, [False] * 4),
        ([11], [False] * 4),
        ({"a": 11}, [False] * 4),
    ],
)
@pytest.mark.parametrize("literal", [10, 10.0, "10", " 1e1"])
def test_order__against_a_number__compares_numbers_only(value: Any, answers: list[bool], literal: Any) -> None:
    assert [fact(value, op, literal) for op in (">", ">=", "<", "<=")] == answers


def test_order__beyond_binary_floats__is_exact() -> None:
    assert fact("9007199254740993", ">", 9007199254740992)
    assert fact("0.30000000000000004", ">", 0.3)
    assert fact("1e9999", ">", "1e9998")


@pytest.mark.parametrize(
    ("value", "answers"),  # for > >= < <= against noon UTC
    [
        ("2026-01-01T11:59:59.999999Z", [False, False, True, True]),
        ("2026-01-01T21:00+09:00", [False, True, False, True]),
        ("2026-01-01 12:00:00.000001", [True, True, False, False]),
        ("2026-01-02", [True, True, False, False]),
        (1767268800, [False] * 4),
        ("1767268800", [False] * 4),
        ("tomorrow", [False] * 4),
        (["2026-01-02"], [False] * 4),
    ],
)
def test_order__against_a_time__compares_times_only(value: Any, answers: list[bool]) -> None:
    noon = "2026-01-01T12:00Z"

    assert [fact(value, op, noon) for op in (">", ">=", "<", "<=")] == answers
    assert [fact(value, "after", noon), fact(value, "before", noon)] == [answers[0], answers[2]]


def test_order__literal_of_another_kind__raises() -> None:
    for op, literal in [(">", "red"), ("<", True), ("before", 10), ("between", ["a", "b"])]:
        with pytest.raises(ValueError):
            fact("2026-01-01", op, literal)


def test_between__of_numbers_and_times__includes_both_ends() -> None:
    assert [fact(value, "between", [1, "2"]) for value in (0.9, 1, "2.0", 2.1)] == [False, True, True, False]
    assert [fact(f"2026-01-0{day}", "between", ["2026-01-02", "2026-01-03"]) for day in range(1, 5)] == [
        False,
        True,
        True,
        False,
    ]
    assert not fact(5, "between", [9, 1])


@pytest.mark.parametrize(
    ("value", "literal", "answer"),
    [
        ("Große Straße", "STRASS", True),
        ("a b", " b", True),  # the literal is stripped
        ("서울", "\u1109\u1165\u110b\u116e\u11af", True),
        ("100%", "0%", True),
        ("1000", "0%", False),
        ("a_b", "_", True),
        ("ab", "_", False),
        ("10", 1, False),  # a part of a text is a text
        ("10", 10, False),
        (10, "1", False),
        ("true", True, False),
        (["Red", "blue"], "red", True),
        (["reddish"], "red", False),
        (["10"], 10, True),
        ([10], "10", False),
        ([True], "true", True),
        ([["red"]], "red", False),
        ([None, ""], "red", False),
        ([], "red", False),
        ({"red": 1}, "red", False),
    ],
)
def test_contains__list_or_text__an_element_or_a_part(value: Any, literal: Any, answer: bool) -> None:
    assert fact(value, "contains", literal) is answer
    assert fact(value, "not_contains", literal) is not answer


def test_contains__syllable_without_its_final__is_a_part_only_when_composed_so() -> None:
    assert fact("서울", "contains", "\u1109\u1165")
    assert not fact("울", "contains", "\u110b\u116e")  # 우 is not a part of 울


def test_starts_and_ends__on_text__see_both_sides_normalised() -> None:
    assert fact(" Straße 1 ", "starts_with", "STRASS")
    assert fact("Hauptstraße\xa0", "ends_with", "SSE ")
    assert not fact("Straße", "starts_with", "traße")
    assert not fact(["red"], "starts_with", "r")
    assert not fact(10, "starts_with", "1")
    assert fact("10", "ends_with", "0")
    assert not fact(True, "starts_with", "t")


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ("RED", True),
        (1, True),
        ("1.0", True),
        (True, True),
        (["blue", "Red"], True),
        ([["red"]], False),
        ([], False),
        ("blue", False),
        ({"red": 1}, False),
    ],
)
def test_in__text_number_or_list__any_element_is_in(value: Any, answer: bool) -> None:
    assert fact(value, "in", ["red", 1, "true"]) is answer
    assert fact(value, "not_in", ["red", 1, "true"]) is not answer


# ---- rule 6: times


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-01", "2026-01-01T00:00Z"),
        (" 2026-01-01t09:30z ", "2026-01-01T09:30Z"),
        ("2026-01-01 09:30:15.5", "2026-01-01T09:30:15.500000Z"),
        ("2026-01-01T09:30-05:30", "2026-01-01T15:00Z"),
        ("2028-02-29", "2028-02-29T00:00Z"),
        ("0001-01-01", "0001-01-01T00:00Z"),
    ],
)
def test_time__of_the_subset__is_its_instant(text: str, instant: str) -> None:
    assert fact(text, "between", [instant, instant])


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-29", "2026-13-01", "0000-01-01", "2026-1-1", "20260101", "2026-01", "2026", "today",
        "2026-01-01T24:00", "2026-01-01T23:59:60", "2026-01-01T9:00", "2026-01-01T09", "2026-01-01Z",
        "2026-01-01T09:00:00.1234567", "2026-01-01T09:00:00.", "2026-01-01T09:00:00,5", "2026-01-01T09:00 Z",
        "2026-01-01T09:00+0900", "2026-01-01T09:00+09", "2026-01-01T09:00+24:00", "2026-01-01T09:00+09:60",
        "2026-01-01  09:00", "２026-01-01", "12026-01-01", "-2026-01-01",
    ],
)  # fmt: skip
def test_time__outside_the_subset__is_not_a_time(text: str) -> None:
    assert not fact(text, "between", ["0001-01-01", "9999-12-31"])


def test_time__before_the_first_year_by_its_zone__is_still_ordered() -> None:
    assert fact("0001-01-01T00:00+14:00", "before", "0001-01-01T00:00Z")
    assert fact("9999-12-31T23:59-12:00", "after", "9999-12-31T23:59:59.999999Z")
    assert fact("0001-01-01", "before", "0001-01-01T00:00Z", zone="Asia/Seoul")


@pytest.mark.parametrize(
    ("zone", "local", "instant"),
    [
        ("Asia/Seoul", "2026-01-01", "2025-12-31T15:00Z"),
        ("Asia/Kathmandu", "2026-01-01T05:45", "2026-01-01T00:00Z"),
        ("America/New_York", "2026-03-08T01:59:59.999999", "2026-03-08T06:59:59.999999Z"),
        ("America/New_York", "2026-03-08T02:00", "2026-03-08T07:00Z"),  # skipped
        ("America/New_York", "2026-03-08T02:59:59.999999", "2026-03-08T07:00Z"),  # skipped
        ("America/New_York", "2026-03-08T03:00", "2026-03-08T07:00Z"),
        ("America/New_York", "2026-11-01T01:30", "2026-11-01T05:30Z"),  # twice
        ("America/New_York", "2026-11-01T02:00", "2026-11-01T07:00Z"),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00Z"),  # its midnight was skipped
        ("America/Havana", "2026-11-01", "2026-11-01T04:00Z"),  # its midnight occurs twice
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00Z"),  # the whole day was skipped
        ("Pacific/Apia", "2011-12-30T15:00", "2011-12-30T10:00Z"),
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00Z"),
        ("Europe/Dublin", "2026-03-29T01:30", "2026-03-29T01:00Z"),  # winter is its "summer time", negative
        ("Australia/Lord_Howe", "2026-04-05T01:45", "2026-04-04T14:45Z"),  # half an hour twice
    ],
)
def test_time__without_zone__is_the_tenants_local_time(zone: str, local: str, instant: str) -> None:
    assert fact(local, "between", [instant, instant], zone=zone)
    assert fact(instant, "between", [local, local], zone=zone)
