"""Instants, local times and durations (rule 6 of the specification).

An *instant* is a whole number of microseconds since 1970-01-01T00:00Z. A number never overflows: a property
such as `0001-01-01T00:00+09:00`, which lies before the first year a datetime can hold, needs no special case.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"([0-9]+)([smhdw])")
_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[t ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6}))?)?(z|[+-][0-9]{2}:[0-9]{2})?)?"
)


def instant_of(at: datetime) -> int:
    """The instant of an aware datetime."""
    return (at - EPOCH) // MICROSECOND


def datetime_of(instant: int) -> datetime:
    """The UTC datetime of an instant within the years 1 to 9999."""
    return EPOCH + instant * MICROSECOND


def is_duration(text: object) -> bool:
    """Whether the value is a duration such as `30d`."""
    return isinstance(text, str) and _DURATION.fullmatch(text) is not None


def microseconds_of(duration: str) -> int:
    """The length of a duration such as `30d`; a day is 86,400 seconds in every zone."""
    match = _DURATION.fullmatch(duration)
    if match is None:
        raise ValueError(f"not a duration: {duration!r}")
    return int(match[1]) * _UNIT_SECONDS[match[2]] * 1_000_000


def instant_of_text(normal_text: str, *, zone: ZoneInfo) -> int | None:
    """The instant that a normalised text names, or None when it is not a time of the published subset."""
    match = _TIME.fullmatch(normal_text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    try:
        local = datetime(  # noqa: DTZ001
            int(year), int(month), int(day),
            int(hour or 0), int(minute or 0), int(second or 0), int((fraction or "").ljust(6, "0")),
        )  # fmt: skip
    except ValueError:
        return None
    if offset is None:
        return instant_of_local(local, zone=zone)
    if offset == "z":
        return _reading(local)
    hours, minutes = int(offset[1:3]), int(offset[4:6])
    if hours > 23 or minutes > 59:
        return None
    east = (hours * 3_600 + minutes * 60) * 1_000_000
    return _reading(local) - (east if offset[0] == "+" else -east)


def instant_of_local(local: datetime, *, zone: ZoneInfo) -> int:
    """The instant of a naive local time.

    One that occurs twice is the first; one that is skipped is the instant of the change.
    """
    offset_before = _offset(local.replace(tzinfo=zone, fold=0))
    offset_after = _offset(local.replace(tzinfo=zone, fold=1))
    # Equal: an ordinary time. Less: it occurs twice, and fold 0 is the first.
    if offset_after <= offset_before:
        return _reading(local) - offset_before

    # Skipped. Reading it with the later offset gives an instant before the change, with the earlier one an
    # instant not before it; the change lies between.
    before, not_before = _reading(local) - offset_after, _reading(local) - offset_before
    while not_before - before > 1:
        middle = (before + not_before) // 2
        if _offset(datetime_of(middle).astimezone(zone)) == offset_before:
            before = middle
        else:
            not_before = middle
    return not_before


def midnight_of(day: date, *, zone: ZoneInfo) -> int:
    """The instant at which a local day begins."""
    return instant_of_local(datetime.combine(day, time()), zone=zone)


def day_of(instant: int, *, zone: ZoneInfo) -> date:
    """The local day whose `[midnight, next midnight)` holds the instant.

    That is what the wall calendar shows, except where clocks go back across midnight: there the day that has
    begun stays begun, so that every instant belongs to exactly one day and days follow one another.
    """
    day = datetime_of(instant).astimezone(zone).date()
    while instant >= midnight_of(day + timedelta(days=1), zone=zone):
        day += timedelta(days=1)
    while instant < midnight_of(day, zone=zone):
        day -= timedelta(days=1)
    return day


def _reading(local: datetime) -> int:
    """What the instant would be if the clock on the wall showed UTC."""
    return (local - EPOCH.replace(tzinfo=None)) // MICROSECOND


def _offset(at: datetime) -> int:
    offset = at.utcoffset()
    assert offset is not None
    return offset // MICROSECOND
