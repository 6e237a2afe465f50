"""Comparing proportions, against published vectors."""

from __future__ import annotations

import pytest

from campaigns.statistics import Proportion, compare, newcombe_interval, wilson_interval

# R. G. Newcombe (1998), table II, method 10.
NEWCOMBE = [
    ((56, 70), (48, 80), 0.0524, 0.3339),
    ((9, 10), (3, 10), 0.1705, 0.8090),
    ((6, 7), (2, 7), 0.0582, 0.8062),
    ((5, 56), (0, 29), -0.0381, 0.1926),
    ((0, 10), (0, 20), -0.1611, 0.2775),
    ((0, 10), (0, 10), -0.2775, 0.2775),
    ((10, 10), (0, 20), 0.6791, 1.0000),
    ((10, 10), (0, 10), 0.6075, 1.0000),
]


@pytest.mark.parametrize(("first", "second", "low", "high"), NEWCOMBE)
def test_newcombe_interval__published_tables__agrees(
    first: tuple[int, int], second: tuple[int, int], low: float, high: float
) -> None:
    interval = newcombe_interval(Proportion(*first), Proportion(*second))

    assert interval.low == pytest.approx(low, abs=5e-5)
    assert interval.high == pytest.approx(high, abs=5e-5)


def test_wilson_interval__published_example__agrees() -> None:
    interval = wilson_interval(Proportion(81, 263))  # Newcombe (1998), single proportion, table I

    assert interval.low == pytest.approx(0.2553, abs=5e-5)
    assert interval.high == pytest.approx(0.3662, abs=5e-5)


def test_compare__known_lifts__agree() -> None:
    even = compare(treatment=Proportion(51, 100), control=Proportion(49, 100))
    higher = compare(treatment=Proportion(120, 1000), control=Proportion(100, 1000))

    assert even.relative_lift == pytest.approx(0.04082, abs=5e-6)
    assert even.relative_lift_deviation * (99 / 100) ** 0.5 == pytest.approx(0.14725, abs=5e-6)  # published with n
    assert not even.is_beyond_chance
    assert higher.relative_lift == pytest.approx(0.2)
    assert higher.relative_lift_deviation * 1.959964 == pytest.approx(0.30074, abs=5e-6)
    assert higher.difference == pytest.approx(0.02)


def test_compare__clear_difference__is_beyond_chance() -> None:
    assert compare(treatment=Proportion(300, 1000), control=Proportion(200, 1000)).is_beyond_chance
    assert compare(treatment=Proportion(200, 1000), control=Proportion(300, 1000)).is_beyond_chance


def test_compare__empty_arm__claims_nothing() -> None:
    """Planted bug: a control without people taken for a rate of zero (seen to fail)."""
    comparison = compare(treatment=Proportion(3, 10), control=Proportion(0, 0))

    assert comparison.treatment_rate == 0.3
    assert comparison.control_rate is None
    assert comparison.difference is None
    assert comparison.difference_interval is None
    assert not comparison.is_beyond_chance


def test_compare__control_without_conversions__has_a_difference_but_no_lift() -> None:
    comparison = compare(treatment=Proportion(3, 10), control=Proportion(0, 10))

    assert comparison.difference == 0.3
    assert comparison.relative_lift is None
    assert comparison.relative_lift_deviation is None


def test_proportion__more_successes_than_people__is_refused() -> None:
    with pytest.raises(ValueError, match="not a proportion"):
        Proportion(3, 2)
