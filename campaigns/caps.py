"""Caps and the gap: pure counting over a person's ledger entries.

An exposure counts while it lies in the window `(now − window, now]`. A live reservation always counts, since it may
become an exposure at any moment; so no order of decisions and exposures, on any number of devices, can exceed a cap.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from campaigns.records import LedgerEntry


@dataclass(frozen=True)
class Cap:
    """At most `limit` messages per window: a rolling duration, the session, or ever."""

    limit: int
    window: timedelta | Literal["session", "lifetime"]
    text: str
    """The window as it was written, for traces."""


@dataclass(frozen=True)
class Session:
    """The asker's session; without an id, everything within the tenant's session gap counts as it."""

    session_id: str
    gap: timedelta


@dataclass(frozen=True)
class Stop:
    """A limit that stands in the way; `lifts_at` None: time alone will not lift it."""

    values: dict[str, object]
    lifts_at: datetime | None


def find_cap_stop(
    *, caps: Iterable[Cap], entries: Iterable[LedgerEntry], now: datetime, session: Session
) -> Stop | None:
    """The first cap that one more message would exceed."""
    entries = list(entries)
    for cap in caps:
        ends = _ends_of_counting(cap=cap, entries=entries, now=now, session=session)
        if len(ends) >= cap.limit:
            # One more fits when all but limit − 1 of them have ceased to count.
            finite = sorted(end for end in ends if end is not None)
            leaving = len(ends) - cap.limit
            lifts_at = finite[leaving] if leaving < len(finite) else None
            return Stop({"window": cap.text, "limit": cap.limit, "used": len(ends)}, lifts_at)
    return None


def find_gap_stop(*, gap: timedelta, entries: Iterable[LedgerEntry], now: datetime) -> Stop | None:
    """What keeps the next message away: a recent exposure, or a live reservation that may become one."""
    if not gap:
        return None
    entries = list(entries)
    reserved = [entry for entry in entries if entry.is_reserved(now)]
    if reserved:
        latest = max(entry.expires_at for entry in reserved)
        # At the earliest it is exposed right now, and the gap passes after it.
        values: dict[str, object] = {"gap_seconds": int(gap.total_seconds()), "reserved_until": latest.isoformat()}
        return Stop(values, min(latest, now + gap))
    last = max((entry.exposed_at for entry in entries if entry.exposed_at), default=None)
    if last is not None and last + gap > now:
        values = {"gap_seconds": int(gap.total_seconds()), "last_message_at": last.isoformat()}
        return Stop(values, last + gap)
    return None


def _ends_of_counting(
    *, cap: Cap, entries: list[LedgerEntry], now: datetime, session: Session
) -> list[datetime | None]:
    """For each entry that counts now: the instant at which it ceases to count unless something is reported."""
    ends: list[datetime | None] = []
    for entry in entries:
        if cap.window == "session" and _in_another_session(entry, session):
            continue
        if entry.is_reserved(now):
            ends.append(entry.expires_at)
        elif entry.exposed_at is not None:
            window = cap.window
            if window == "session" and not (entry.session_id and session.session_id):
                window = session.gap
            if not isinstance(window, timedelta):
                ends.append(None)
            elif entry.exposed_at > now - window:
                ends.append(entry.exposed_at + window)
    return ends


def _in_another_session(entry: LedgerEntry, session: Session) -> bool:
    return bool(entry.session_id and session.session_id) and entry.session_id != session.session_id
