"""What the oracle knows: one person's facts and the world they are judged in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

Json: TypeAlias = Any
Condition: TypeAlias = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing a person did; `message_id` is unique within the person."""

    name: str
    occurred_at: datetime
    message_id: str
    properties: Mapping[str, Json] = field(default_factory=dict)
    context: Mapping[str, Json] = field(default_factory=dict)
    received_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Person:
    """One person's whole history, in any order, and the traits that stand now."""

    traits: Mapping[str, Json] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    created_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class World:
    """The tenant's side: zone, retention (None keeps everything) and the conditions of its segments by id."""

    time_zone: str = "UTC"
    retention: timedelta | None = None
    segments: Mapping[str, Condition] = field(default_factory=dict)
