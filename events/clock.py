"""When things happened: what clients' clocks say, corrected by the database's.

Instants of clients are whole microseconds since 1970 (UTC) without bounds, so that years 1 and 9999 and any
correction of them can be reckoned with.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  (clients' times are reckoned in integers, see above)
_EPOCH_UTC = _EPOCH.replace(tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIRST = (datetime.min - _EPOCH) // _MICROSECOND  # noqa: DTZ901
_LAST = (datetime.max - _EPOCH) // _MICROSECOND  # noqa: DTZ901
# Nothing occurred before this: at the very edge of the calendar an instant cannot be told in a zone west of Greenwich.
_EARLIEST = (datetime(1, 1, 3) - _EPOCH) // _MICROSECOND  # noqa: DTZ001
_LEAST_NUMBER = 10**14
# A clock that is this much ahead, even after correction, says nothing about the clock of its neighbours.
_PLAUSIBLE = 366 * 86_400 * 1_000_000
_ISO = re.compile(r"\d{4}-?\d\d-?\d\d([T ].*)?", re.DOTALL)


def parse_instant(value: Any) -> int | None:
    """Microseconds since 1970 of an ISO 8601 text (without zone: UTC) or a number of milliseconds since 1970.

    None when it is neither. A number before 1973 is more likely one of seconds, so it is neither.
    """
    if isinstance(value, str):
        text = value.strip().upper()
        if not _ISO.fullmatch(text):
            return None
        try:
            instant = datetime.fromisoformat(text)
        except ValueError:
            return None
        passed = instant - (_EPOCH_UTC if instant.tzinfo else _EPOCH)
        return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    microseconds = value * 1000
    return microseconds if _LEAST_NUMBER <= microseconds <= _LAST else None


def microseconds_of(instant: datetime) -> int:
    return (instant.astimezone(UTC).replace(tzinfo=None) - _EPOCH) // _MICROSECOND


def occurrences(times: Sequence[tuple[int | None, int | None]], *, arrived_at: datetime) -> list[int]:
    """When the items of a batch occurred, from their (client time, time of sending), in the same order.

    All in microseconds since 1970. Each client time is corrected by the difference of the arrival and the sending.
    Where that leaves items after the arrival, the batch is shifted as one, its newest item to the arrival; an item that
    is more than a year ahead is moved alone. Items without a client time occurred on arrival. No result is later than
    the arrival, nor earlier than 0001-01-03.
    """
    arrival = microseconds_of(arrived_at)
    corrected = [_corrected(client_time, sent_at, arrival) for client_time, sent_at in times]
    excess = max((instant - arrival for instant in corrected if instant - arrival <= _PLAUSIBLE), default=0)
    shift = max(excess, 0)
    return [
        arrival if client_time is None else max(min(instant - shift, arrival), _EARLIEST)
        for instant, (client_time, _) in zip(corrected, times, strict=True)
    ]


def _corrected(client_time: int | None, sent_at: int | None, arrival: int) -> int:
    if client_time is None:
        return arrival
    if sent_at is None:
        return client_time
    corrected = client_time + arrival - sent_at
    # A sending time that makes nonsense of the other time is not a clock.
    return corrected if _FIRST <= corrected <= _LAST else client_time
