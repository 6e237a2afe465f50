"""Windows as SQL bounds on an event's time, and when the passing of time moves an event over them.

Retention is one more bound: an event exists while `t >= now − retention`, so it ceases at `t + retention + 1 µs`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from segments.conditions.nodes import Calendar, Fixed, Rolling, Window
from segments.conditions.values import instant_of, local_instant

MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Bounds:
    """Where an event's time must lie as of `now`, and at which ages (`t + age`) it enters or leaves.

    `changes_at` is an instant at which the bounds themselves jump (a calendar edge).
    """

    after: datetime | None = None  # t > after
    since: datetime | None = None  # t >= since
    until: datetime | None = None  # t <= until
    below: datetime | None = None  # t < below
    enters_at_age: timedelta | None = None
    leaves_at_age: timedelta | None = None
    changes_at: datetime | None = None

    @property
    def earliest(self) -> datetime | None:
        """No event before this instant is in the window now or enters it later."""
        return max(filter(None, [self.after, self.since]), default=None)

    @property
    def only_leaves(self) -> bool:
        """Time alone can but take events out, oldest first."""
        return self.enters_at_age is None and self.changes_at is None


def bounds_of(window: Window, *, now: datetime, zone: ZoneInfo, retention: timedelta | None) -> Bounds:
    """The bounds of a window as of `now`, cut at the tenant's retention."""
    kept_since = _minus(now, retention) if retention is not None else None
    forgotten_at_age = retention + MICROSECOND if retention is not None else None
    match window:
        case Rolling(last=last, before=before):
            return Bounds(
                after=_minus(now, last) if last is not None else None,
                since=kept_since,
                until=_minus(now, before) if before else None,
                enters_at_age=before or None,
                leaves_at_age=min(filter(None, [last, forgotten_at_age]), default=None),
            )
        case Fixed(start=start, end=end):
            first = instant_of(start, zone) if start else None
            return Bounds(
                since=max(filter(None, [first, kept_since]), default=None),
                below=instant_of(end, zone) if end else None,
                leaves_at_age=forgotten_at_age,
            )
        case Calendar(unit=unit, back=back):
            return Bounds(
                since=max(filter(None, [_edge(now, unit, -back, zone), kept_since])),
                below=_edge(now, unit, 1 - back, zone),
                leaves_at_age=forgotten_at_age,
                changes_at=_edge(now, unit, 1, zone),
            )


def _edge(now: datetime, unit: str, steps: int, zone: ZoneInfo) -> datetime:
    """The local beginning of the calendar unit `steps` after the one around now."""
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    try:
        match unit:
            case "day":
                local = midnight + timedelta(days=steps)
            case "week":
                local = midnight - timedelta(days=midnight.weekday()) + timedelta(weeks=steps)
            case "month":
                months = midnight.year * 12 + midnight.month - 1 + steps
                local = midnight.replace(year=months // 12, month=months % 12 + 1, day=1)
            case _:
                local = midnight.replace(year=midnight.year + steps, month=1, day=1)
        return local_instant(local, zone)
    except (ValueError, OverflowError):
        return datetime.min.replace(tzinfo=UTC) if steps < 0 else datetime.max.replace(tzinfo=UTC)


def _minus(now: datetime, duration: timedelta) -> datetime:
    try:
        return now - duration
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)
