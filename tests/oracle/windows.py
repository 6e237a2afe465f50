"""Windows: which instants `within` lets in, as of an instant."""

from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from tests.oracle.facts import Json
from tests.oracle.times import day_of, microseconds_of, midnight_of
from tests.oracle.values import time_of


def in_window(*, instant: int, window: Json, now: int, zone: ZoneInfo) -> bool:
    """Whether an instant (which is not after now) lies in the window; None is all time."""
    if window is None:
        return True
    if isinstance(window, str):
        return instant > now - microseconds_of(window)

    match sorted(window):
        case ["before", "last"]:
            return now - microseconds_of(window["last"]) < instant <= now - microseconds_of(window["before"])
        case ["before"]:
            return instant <= now - microseconds_of(window["before"])
        case ["from"] | ["to"] | ["from", "to"]:
            starts_at, ends_at = _end(window.get("from"), zone=zone), _end(window.get("to"), zone=zone)
            return (starts_at is None or starts_at <= instant) and (ends_at is None or instant < ends_at)
        case ["calendar"] | ["back", "calendar"]:
            period = Period.holding(now, unit=window["calendar"], zone=zone).moved(-window.get("back", 0))
            return period.starts_at(zone=zone) <= instant < period.moved(1).starts_at(zone=zone)
        case _:
            raise NotImplementedError(f"window {window!r}")


def _end(text: str | None, *, zone: ZoneInfo) -> int | None:
    if text is None:
        return None
    instant = time_of(text, zone=zone)
    if instant is None:
        raise ValueError(f"not a time: {text!r}")
    return instant


@dataclass(frozen=True)
class Period:
    """A calendar day, week (from Monday), month or year, named by its first local day."""

    unit: str
    first_day: date

    @classmethod
    def holding(cls, instant: int, *, unit: str, zone: ZoneInfo) -> "Period":
        """The period in which the instant lies."""
        day = day_of(instant, zone=zone)
        match unit:
            case "day":
                return cls(unit, day)
            case "week":
                return cls(unit, day - timedelta(days=day.weekday()))
            case "month":
                return cls(unit, day.replace(day=1))
            case "year":
                return cls(unit, day.replace(month=1, day=1))
            case _:
                raise NotImplementedError(f"calendar {unit!r}")

    def moved(self, periods: int) -> "Period":
        """The period so many later (earlier when negative)."""
        first = self.first_day
        match self.unit:
            case "day":
                first += timedelta(days=periods)
            case "week":
                first += timedelta(weeks=periods)
            case "month":
                months = first.year * 12 + (first.month - 1) + periods
                first = date(months // 12, months % 12 + 1, 1)
            case "year":
                first = first.replace(year=first.year + periods)
        return Period(self.unit, first)

    def starts_at(self, *, zone: ZoneInfo) -> int:
        """The instant at which the period begins."""
        return midnight_of(self.first_day, zone=zone)
