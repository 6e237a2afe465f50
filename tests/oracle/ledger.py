"""Caps and arms counted naively, from the ledger's times alone and the words of docs/campaigns.md.

Imports nothing of the product.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

Window: TypeAlias = timedelta | Literal["session", "lifetime"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A decision: to whom it was given, and what became of it."""

    person: str
    campaign: str
    session: str
    arm: str
    variant: str
    decided_at: datetime
    expires_at: datetime
    exposed_at: datetime | None
    released_at: datetime | None

    def is_reserved(self, at: datetime) -> bool:
        ends = [end for end in (self.expires_at, self.exposed_at, self.released_at) if end is not None]
        return self.decided_at <= at < min(ends)

    def is_exposed(self, at: datetime, window: Window) -> bool:
        """Whether it was exposed at the instant or, in a rolling window, within its length before."""
        if self.exposed_at is None or self.exposed_at > at:
            return False
        return not isinstance(window, timedelta) or at - self.exposed_at < window


@dataclass(frozen=True, kw_only=True)
class Merge:
    """One person became another at an instant."""

    source: str
    target: str
    at: datetime


def count_at(rows: Iterable[Row], *, at: datetime, window: Window) -> int:
    """How many of the rows count at the instant: live reservations, and exposures inside the window."""
    return sum(row.is_reserved(at) or row.is_exposed(at, window) for row in rows)


def most_at_once(rows: Sequence[Row], *, window: Window) -> int:
    """The greatest number that counted at any instant; it can only grow when something is decided or exposed."""
    groups = [rows]
    if window == "session":
        groups = [[row for row in rows if row.session == session] for session in {row.session for row in rows}]
    return max(
        (
            count_at(group, at=at, window=window)
            for group in groups
            for row in group
            for at in (row.decided_at, row.exposed_at)
            if at is not None
        ),
        default=0,
    )


def known_as(person: str, *, merges: Sequence[Merge], at: datetime) -> str:
    """Who somebody was known to be at an instant, by the merges in their order."""
    for merge in merges:
        if merge.at <= at and merge.source == person:
            person = merge.target
    return person


def arm_of(*, campaign: str, person: str, control_share: float, earlier: Sequence[Row]) -> str:
    """The arm that a decision must have, given the person's earlier ones in the campaign."""
    exposed = sorted((row for row in earlier if row.exposed_at is not None), key=lambda row: row.exposed_at)
    if exposed or earlier:
        return (exposed or sorted(earlier, key=lambda row: row.decided_at))[0].arm
    place = int(bin(int(hashlib.sha256(f"{campaign}:{person}".encode()).hexdigest(), 16) + (1 << 256))[3 : 3 + 53], 2)
    return "control" if place / 2**53 < control_share else "treatment"
