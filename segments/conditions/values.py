"""Literals: text, exact numbers, times and durations, as docs/conditions.md publishes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from events.normalisation import normalise_text
from segments.conditions.nodes import LocalTime, Scalar

NUMERIC_TEXT = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?0*[0-9]{1,4})?$"
TIME_TEXT = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?([Zz]|[+-][0-9]{2}:[0-9]{2})?)?$"
)
MAX_NUMERIC_TEXT = 1000
_DURATION = re.compile(r"^([1-9][0-9]{0,8}|0)([smhdw])$")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LONGEST = timedelta(days=36_500)


def parse_duration(text: object) -> timedelta | None:
    """`"30d"` as a timedelta (a day is 86,400 seconds); None when it is not one or is beyond a century."""
    match = _DURATION.match(text) if isinstance(text, str) else None
    if not match:
        return None
    duration = timedelta(seconds=int(match[1]) * _SECONDS[match[2]])
    return duration if duration <= _LONGEST else None


def parse_scalar(value: object) -> Scalar | None:
    """A literal as text (normalised), boolean or number; None for anything else, empty text included."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float | Decimal):
        number = Decimal(str(value))
        return number if number.is_finite() and len(str(number)) <= MAX_NUMERIC_TEXT else None
    if isinstance(value, str) and "\x00" not in value:
        return normalise_text(value) or None
    return None


def parse_number(scalar: Scalar) -> Decimal | None:
    """The number of a numeric literal or numeric text."""
    if isinstance(scalar, Decimal):
        return scalar
    if isinstance(scalar, str) and len(scalar) <= MAX_NUMERIC_TEXT and re.match(NUMERIC_TEXT, scalar):
        return Decimal(scalar)
    return None


def parse_time(value: object) -> LocalTime | None:
    """The time that a text of the published ISO 8601 subset names."""
    if not isinstance(value, str):
        return None
    text = normalise_text(value)
    if not re.match(TIME_TEXT, text):
        return None
    try:
        time = LocalTime(datetime.fromisoformat(text.upper().replace(" ", "T")))
        instant_of(time, ZoneInfo("UTC"))
    except (ValueError, OverflowError):
        return None
    return time


def instant_of(time: LocalTime, zone: ZoneInfo) -> datetime:
    """The instant of a literal time, a naive one being local to `zone`."""
    if time.instant.tzinfo is not None:
        return time.instant.astimezone(UTC)
    return local_instant(time.instant, zone)


def local_instant(local: datetime, zone: ZoneInfo) -> datetime:
    """The instant of a naive local time: the first of two, and for a skipped one the instant of the change."""
    first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == local:
        return first
    late, early = first, local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    early, late = min(early, late), max(early, late)
    offset = early.astimezone(zone).utcoffset()
    while late - early > timedelta(microseconds=1):
        middle = early + (late - early) / 2
        if middle.astimezone(zone).utcoffset() == offset:
            early = middle
        else:
            late = middle
    return late
