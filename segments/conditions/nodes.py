"""A condition after parsing: plain immutable values, equal when they ask the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal
from uuid import UUID

Scalar = str | bool | Decimal
"""A literal: normalised text, boolean or exact number."""

Comparison = Literal["=", "!=", "<", "<=", ">", ">="]


@dataclass(frozen=True)
class LocalTime:
    """A literal time; `instant` is naive where the text had no zone (then the tenant's zone counts)."""

    instant: datetime


@dataclass(frozen=True)
class Filter:
    """One statement about a value: `path` within the document, operator, literal(s)."""

    path: tuple[str, ...]
    op: str
    value: Scalar | LocalTime | tuple[Scalar | LocalTime, ...] | None
    in_context: bool = False


@dataclass(frozen=True)
class Rolling:
    """(now − last, now − before]; `last` None: since ever."""

    last: timedelta | None = None
    before: timedelta = timedelta(0)


@dataclass(frozen=True)
class Fixed:
    """[start, end) in the tenant's zone; one end may be open."""

    start: LocalTime | None
    end: LocalTime | None


@dataclass(frozen=True)
class Calendar:
    """A calendar day, week (from Monday), month or year in the tenant's zone, `back` units ago."""

    unit: Literal["day", "week", "month", "year"]
    back: int


Window = Rolling | Fixed | Calendar


@dataclass(frozen=True)
class Events:
    """Which events: any of the names, satisfying all the filters."""

    names: tuple[str, ...]
    where: tuple[Filter, ...]


@dataclass(frozen=True)
class All:
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Any:
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Not:
    part: Node


@dataclass(frozen=True)
class Did:
    events: Events
    op: Comparison
    count: int
    window: Window


@dataclass(frozen=True)
class ThenNot:
    events: Events
    absent: Events
    same: tuple[tuple[str, ...], ...]
    same_in_context: tuple[bool, ...]
    after: timedelta
    for_: timedelta


@dataclass(frozen=True)
class Trait:
    filter: Filter


@dataclass(frozen=True)
class Reference:
    """Another segment's condition, evaluated at the same instant."""

    segment_id: UUID


Node = All | Any | Not | Did | ThenNot | Trait | Reference
