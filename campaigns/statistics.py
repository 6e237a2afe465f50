"""Comparing two proportions: sufficient statistics in, inference out."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

Z_95 = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution."""


@dataclass(frozen=True)
class Proportion:
    """`successes` among `total` people."""

    successes: int
    total: int

    def __post_init__(self) -> None:
        if not 0 <= self.successes <= self.total:
            raise ValueError(f"{self.successes} successes of {self.total} are not a proportion.")

    @property
    def rate(self) -> float | None:
        return self.successes / self.total if self.total else None


@dataclass(frozen=True)
class Interval:
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """Treatment against control; None where a group is empty (or, for the lift, the control's rate is 0)."""

    treatment_rate: float | None
    control_rate: float | None
    difference: float | None
    difference_interval: Interval | None
    relative_lift: float | None
    relative_lift_deviation: float | None

    @property
    def is_beyond_chance(self) -> bool:
        """Whether the 95 % interval of the difference excludes zero."""
        interval = self.difference_interval
        return interval is not None and (interval.low > 0 or interval.high < 0)


def wilson_interval(proportion: Proportion, *, z: float = Z_95) -> Interval:
    """The score interval of one proportion.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    """
    n, rate = proportion.total, proportion.successes / proportion.total
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    low = 0.0 if proportion.successes == 0 else centre - half
    high = 1.0 if proportion.successes == n else centre + half
    return Interval(low, high)


def newcombe_interval(first: Proportion, second: Proportion, *, z: float = Z_95) -> Interval:
    """The interval of `first.rate − second.rate`, good for small groups and rates near 0 and 1.

    Source: R. G. Newcombe, "Interval estimation for the difference between independent proportions: comparison of
    eleven methods", Statistics in Medicine 17 (1998), method 10 (hybrid score, without continuity correction).
    """
    one, two = wilson_interval(first, z=z), wilson_interval(second, z=z)
    rate_one, rate_two = first.successes / first.total, second.successes / second.total
    difference = rate_one - rate_two
    return Interval(
        difference - sqrt((rate_one - one.low) ** 2 + (two.high - rate_two) ** 2),
        difference + sqrt((one.high - rate_one) ** 2 + (rate_two - two.low) ** 2),
    )


def compare(*, treatment: Proportion, control: Proportion) -> Comparison:
    """Rates, absolute difference with its 95 % interval, relative lift with its standard deviation.

    The lift is `treatment / control − 1`; its deviation by the delta method with sample variances (n − 1):
    `sqrt(vt / (nt·c²) + vc·t² / (nc·c⁴))`, as in A. Deng et al., "Applying the delta method in metric analytics",
    KDD 2018.
    """
    t, c = treatment.rate, control.rate
    if t is None or c is None:
        return Comparison(t, c, None, None, None, None)
    lift = t / c - 1 if c else None
    deviation = None
    if c and min(treatment.total, control.total) > 1:
        variance_t, variance_c = t * (1 - t) / (treatment.total - 1), c * (1 - c) / (control.total - 1)
        deviation = sqrt(variance_t / c**2 + variance_c * t**2 / c**4)
    return Comparison(t, c, t - c, newcombe_interval(treatment, control), lift, deviation)
