"""The geometry of a report's bars: rates from zero, the difference around zero, every one with its interval."""

from __future__ import annotations

from dataclasses import dataclass

from campaigns.attribution import ArmCounts, Attribution
from campaigns.statistics import Interval, Proportion, wilson_interval

WIDTH = 1000


@dataclass(frozen=True)
class Bar:
    """Places on a line of WIDTH units; counts are people."""

    arm: str
    successes: int
    total: int
    percent: float
    low_percent: float
    high_percent: float
    end: int
    low: int
    high: int

    @property
    def span(self) -> int:
        return self.high - self.low


@dataclass(frozen=True)
class Difference:
    """The difference of the rates in percentage points, and its places around zero in the middle."""

    points: float
    low_points: float
    high_points: float
    at: int
    low: int
    high: int
    zero: int = WIDTH // 2

    @property
    def span(self) -> int:
        return self.high - self.low


def bars_of(attribution: Attribution) -> list[Bar]:
    """One bar for each arm that has people, on one scale."""
    arms = {"treatment": attribution.treatment, "control": attribution.control}
    rates = {name: (counts, _interval(counts)) for name, counts in arms.items() if counts.exposed}
    scale = max((interval.high for _, interval in rates.values()), default=0) or 1
    bars = []
    for name, (counts, interval) in rates.items():
        rate = counts.converted / counts.exposed
        end, low, high = (_place(value, scale) for value in (rate, interval.low, interval.high))
        percents = (rate * 100, interval.low * 100, interval.high * 100)
        bars.append(Bar(name, counts.converted, counts.exposed, *percents, end, low, high))
    return bars


def difference_of(attribution: Attribution) -> Difference | None:
    comparison = attribution.comparison
    difference, interval = comparison.difference, comparison.difference_interval
    if difference is None or interval is None:
        return None
    scale = max(abs(interval.low), abs(interval.high)) or 1
    at, low, high = (WIDTH // 2 + _place(value, scale * 2) for value in (difference, interval.low, interval.high))
    return Difference(difference * 100, interval.low * 100, interval.high * 100, at, low, high)


def _interval(counts: ArmCounts) -> Interval:
    return wilson_interval(Proportion(counts.converted, counts.exposed))


def _place(value: float, scale: float) -> int:
    return round(value / scale * WIDTH * 0.98)
