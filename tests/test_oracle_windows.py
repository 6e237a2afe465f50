"""The oracle's windows, each on its borders."""

from datetime import datetime
from typing import Any

import pytest

from tests.oracle.examples import DAY, HOUR, NOW, US, at, event, holds
from tests.oracle.facts import World

# ---- windows


@pytest.mark.parametrize(
    ("window", "inside", "outside"),
    [
        ("30d", [NOW, NOW - 30 * DAY + US], [NOW - 30 * DAY]),
        (
            {"last": "30d", "before": "7d"},
            [NOW - 7 * DAY, NOW - 30 * DAY + US],
            [NOW - 30 * DAY, NOW - 7 * DAY + US, NOW],
        ),
        ({"before": "30d"}, [NOW - 30 * DAY, NOW - 4000 * DAY], [NOW - 30 * DAY + US]),
        (None, [NOW, NOW - 4000 * DAY], []),
        (
            {"from": "2026-01-01", "to": "2026-02-01"},
            [at("2026-01-01T00:00Z"), at("2026-01-31T23:59:59.999999Z")],
            [at("2025-12-31T23:59:59.999999Z"), at("2026-02-01T00:00Z")],
        ),
        ({"from": "2026-01-01"}, [at("2026-01-01T00:00Z"), NOW], [at("2025-12-31T23:59:59.999999Z")]),
        ({"to": "2026-01-01"}, [at("2025-12-31T23:59:59.999999Z")], [at("2026-01-01T00:00Z")]),
        ({"calendar": "day"}, [at("2026-06-17T00:00Z"), NOW], [at("2026-06-16T23:59:59.999999Z")]),
        (
            {"calendar": "week", "back": 0},  # 17 June 2026 is a Wednesday
            [at("2026-06-15T00:00Z")],
            [at("2026-06-14T23:59:59.999999Z")],
        ),
        (
            {"calendar": "week", "back": 1},
            [at("2026-06-08T00:00Z"), at("2026-06-14T23:59:59.999999Z")],
            [at("2026-06-07T23:59:59.999999Z"), at("2026-06-15T00:00Z")],
        ),
        ({"calendar": "month"}, [at("2026-06-01T00:00Z")], [at("2026-05-31T23:59:59.999999Z")]),
        (
            {"calendar": "month", "back": 6},  # across the turn of the year
            [at("2025-12-01T00:00Z"), at("2025-12-31T23:59Z")],
            [at("2025-11-30T23:59Z"), at("2026-01-01T00:00Z")],
        ),
        (
            {"calendar": "year", "back": 1},
            [at("2025-01-01T00:00Z"), at("2025-12-31T23:59Z")],
            [at("2024-12-31T23:59Z"), at("2026-01-01T00:00Z")],
        ),
    ],
)
def test_window__event_on_its_border__is_in_or_out(
    window: Any, inside: list[datetime], outside: list[datetime]
) -> None:
    node = {"did": "x"} if window is None else {"did": "x", "within": window}

    assert [holds(node, event("x", when)) for when in inside] == [True] * len(inside)
    assert [holds(node, event("x", when)) for when in outside] == [False] * len(outside)


def test_window__from_and_to__are_midnights_of_the_tenant() -> None:
    node = {"did": "x", "within": {"from": "2026-01-01", "to": "2026-02-01"}}
    seoul = World(time_zone="Asia/Seoul")

    assert holds(node, event("x", at("2025-12-31T15:00Z")), world=seoul)
    assert not holds(node, event("x", at("2025-12-31T14:59:59Z")), world=seoul)
    assert not holds(node, event("x", at("2026-01-31T15:00Z")), world=seoul)


def test_window__calendar__turns_at_the_midnight_of_the_tenant() -> None:
    seoul = World(time_zone="Asia/Seoul")
    visit = event("x", at("2026-06-30T14:59:59Z"))  # the last second of June in Seoul
    june = {"did": "x", "within": {"calendar": "month"}}

    assert holds(june, visit, world=seoul, now=at("2026-06-30T14:59:59.999999Z"))
    assert not holds(june, visit, world=seoul, now=at("2026-06-30T15:00Z"))
    assert holds(june, visit, world=World(), now=at("2026-06-30T15:00Z"))


def test_window__duration_of_days__counts_86400_seconds_across_a_clock_change() -> None:
    new_york = World(time_zone="America/New_York")
    now = at("2026-03-08T16:00Z")  # noon, after the night that had 23 hours

    assert holds({"did": "x", "within": "1d"}, event("x", now - 24 * HOUR + US), world=new_york, now=now)
    assert not holds({"did": "x", "within": "1d"}, event("x", now - 24 * HOUR), world=new_york, now=now)


def test_window__calendar_day_whose_midnight_is_skipped__begins_at_the_change() -> None:
    sao_paulo = World(time_zone="America/Sao_Paulo")
    now = at("2018-11-04T12:00Z")
    today = {"did": "x", "within": {"calendar": "day"}}

    assert holds(today, event("x", at("2018-11-04T03:00Z")), world=sao_paulo, now=now)
    assert not holds(today, event("x", at("2018-11-04T02:59:59.999999Z")), world=sao_paulo, now=now)


def test_window__calendar_day_whose_midnight_occurs_twice__begins_at_the_first() -> None:
    havana = World(time_zone="America/Havana")
    now = at("2026-11-01T12:00Z")
    today = {"did": "x", "within": {"calendar": "day"}}

    assert holds(today, event("x", at("2026-11-01T04:00Z")), world=havana, now=now)
    assert not holds(today, event("x", at("2026-11-01T03:59:59.999999Z")), world=havana, now=now)


def test_window__calendar_day_that_the_zone_skipped__is_empty() -> None:
    apia = World(time_zone="Pacific/Apia")
    now = at("2011-12-31T00:00+14:00")
    yesterday = {"did": "x", "within": {"calendar": "day", "back": 1}}
    day_before = {"did": "x", "within": {"calendar": "day", "back": 2}}

    assert not holds(yesterday, event("x", now - US), world=apia, now=now)
    assert holds(day_before, event("x", now - US), world=apia, now=now)
