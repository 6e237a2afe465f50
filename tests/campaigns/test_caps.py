"""Caps and the gap: what counts, and when it ceases to."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.caps import Cap, Session, find_cap_stop, find_gap_stop
from campaigns.records import LedgerEntry
from tests.campaigns.records import NOW, entry, exposed, reserved, seconds

HOUR = Cap(limit=1, window=timedelta(hours=1), text="1h")
TWICE = Cap(limit=2, window=timedelta(hours=1), text="1h")
SESSION = Cap(limit=1, window="session", text="session")
EVER = Cap(limit=1, window="lifetime", text="lifetime")
S1 = Session("s1", timedelta(minutes=30))


def stop(cap: Cap, *entries: LedgerEntry, session: Session = S1) -> object:
    return find_cap_stop(caps=[cap], entries=entries, now=NOW, session=session)


def test_cap__rolling_window__counts_to_its_very_end() -> None:
    inside = find_cap_stop(caps=[HOUR], entries=[exposed(3599.999)], now=NOW, session=S1)

    assert inside is not None
    assert inside.values == {"window": "1h", "limit": 1, "used": 1}
    assert inside.lifts_at == NOW + timedelta(milliseconds=1)
    assert stop(HOUR, exposed(3600)) is None


def test_cap__live_reservation__counts_until_it_expires() -> None:
    held = find_cap_stop(caps=[HOUR], entries=[reserved(20)], now=NOW, session=S1)

    assert held is not None
    assert held.lifts_at == NOW + seconds(20)


@pytest.mark.parametrize(
    "gone",
    [
        reserved(0),
        reserved(-1),
        reserved(20, released_at=NOW - seconds(1)),
    ],
    ids=["expires now", "expired", "released"],
)
def test_cap__reservation_that_is_over__does_not_count(gone: LedgerEntry) -> None:
    assert stop(EVER, gone) is None


def test_cap__several_used__lifts_when_enough_have_left() -> None:
    entries = [exposed(10), exposed(600), exposed(1200)]

    held = find_cap_stop(caps=[TWICE], entries=entries, now=NOW, session=S1)

    assert held is not None
    assert held.lifts_at == NOW - seconds(600) + timedelta(hours=1)


def test_cap__lifetime__lifts_never_or_with_its_reservation() -> None:
    spent = find_cap_stop(caps=[EVER], entries=[exposed(10**7)], now=NOW, session=S1)
    held = find_cap_stop(caps=[EVER], entries=[reserved(5)], now=NOW, session=S1)

    assert spent is not None
    assert spent.lifts_at is None
    assert held is not None
    assert held.lifts_at == NOW + seconds(5)


def test_cap__session__counts_this_session_alone() -> None:
    assert stop(SESSION, exposed(10, session_id="s1")) is not None
    assert stop(SESSION, exposed(10, session_id="s2")) is None
    assert stop(SESSION, reserved(10, session_id="s2")) is None


def test_cap__session_without_id__counts_the_session_gap() -> None:
    nameless = Session("", timedelta(minutes=30))

    assert stop(SESSION, exposed(1799), session=nameless) is not None
    assert stop(SESSION, exposed(1800), session=nameless) is None
    assert stop(SESSION, exposed(1799, session_id="")) is not None


def test_cap__any_exceeded__stops() -> None:
    loose = Cap(limit=100, window="lifetime", text="lifetime")

    found = find_cap_stop(caps=[loose, HOUR], entries=[exposed(5)], now=NOW, session=S1)

    assert found is not None
    assert found.values["window"] == "1h"


def test_gap__recent_exposure__lifts_after_it() -> None:
    found = find_gap_stop(gap=seconds(30), entries=[exposed(100), exposed(10)], now=NOW)

    assert found is not None
    assert found.lifts_at == NOW + seconds(20)
    assert find_gap_stop(gap=seconds(30), entries=[exposed(30)], now=NOW) is None


def test_gap__live_reservation__may_be_exposed_at_any_moment() -> None:
    soon = find_gap_stop(gap=seconds(30), entries=[reserved(10)], now=NOW)
    late = find_gap_stop(gap=seconds(30), entries=[reserved(300)], now=NOW)

    assert soon is not None
    assert soon.lifts_at == NOW + seconds(10)
    assert late is not None
    assert late.lifts_at == NOW + seconds(30)


def test_gap__zero__stops_nothing() -> None:
    assert find_gap_stop(gap=seconds(0), entries=[reserved(300), exposed(0)], now=NOW) is None


@given(
    ages=st.lists(st.integers(0, 400), max_size=8),
    lives=st.lists(st.integers(-50, 400), max_size=4),
    limit=st.integers(1, 4),
    window=st.integers(1, 300),
)
def test_cap__any_ledger__lifts_exactly_when_time_frees_it(
    ages: list[int], lives: list[int], limit: int, window: int
) -> None:
    cap = Cap(limit=limit, window=seconds(window), text="w")
    entries = [exposed(age) for age in ages] + [reserved(life) for life in lives]

    found = find_cap_stop(caps=[cap], entries=entries, now=NOW, session=S1)

    used = sum(age < window for age in ages) + sum(life > 0 for life in lives)
    assert (found is not None) == (used >= limit)
    if found is not None:
        assert found.lifts_at is not None
        just_before = found.lifts_at - timedelta(microseconds=1)
        assert find_cap_stop(caps=[cap], entries=entries, now=just_before, session=S1) is not None
        assert find_cap_stop(caps=[cap], entries=entries, now=found.lifts_at, session=S1) is None


def test_entry__exposed_or_released__is_no_reservation() -> None:
    assert entry().is_reserved(NOW)
    assert not entry(exposed_at=NOW).is_reserved(NOW)
    assert not entry(released_at=NOW).is_reserved(NOW)
