"""What a written condition is asked with: for whom, as of when, by whose settings; and the statement it is written as.

A statement is the same at any instant and for any people: what depends on them is filled in when it is run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, assert_never
from uuid import UUID
from zoneinfo import ZoneInfo

from segments.conditions.nodes import Window
from segments.conditions.parameters import Parameters
from segments.conditions.windows import Bounds, bounds_of
from tenants.statements import Statement


@dataclass(frozen=True)
class Setting:
    """The tenant's facts that conditions depend on, and the instant of evaluation.

    `known_at` None: everything we know, as of its clock. Otherwise `now` may lie in the past, and only what we had
    been told by `known_at` counts: later messages are not known, later merges have joined nobody.
    """

    tenant_id: UUID
    now: datetime
    zone: ZoneInfo
    retention: timedelta | None
    known_at: datetime | None = None


@dataclass(frozen=True)
class Everyone:
    """All people of the tenant."""


@dataclass(frozen=True)
class People:
    """These people, as they are known at the setting's `known_at`."""

    person_ids: Sequence[UUID]


Scope = Everyone | People


@dataclass
class Question:
    """What a written statement is asked with."""

    setting: Setting
    scope: Scope
    _bounds: dict[Window, Bounds] = field(default_factory=dict)

    @property
    def person_ids(self) -> list[UUID] | None:
        match self.scope:
            case Everyone():
                return None
            case People(person_ids=person_ids):
                return list(person_ids)
            case _:
                assert_never(self.scope)

    def bounds(self, window: Window) -> Bounds:
        found = self._bounds.get(window)
        if found is None:
            setting = self.setting
            found = bounds_of(window, now=setting.now, zone=setting.zone, retention=setting.retention)
            self._bounds[window] = found
        return found


class Template:
    """A statement with the values that are always the same, and how the others are found."""

    def __init__(self, sql: str, parameters: Parameters) -> None:
        self.sql = sql
        self.parameters = parameters
        self._statements: dict[str, Statement] = {}

    def fill(self, question: Question) -> dict[str, Any]:
        return self.parameters.values | {name: find(question) for name, find in self.parameters.late.items()}

    def within(self, outer: str) -> Statement:
        """The statement `outer` around this one, which stands in it as `{query}`."""
        statement = self._statements.get(outer)
        if statement is None:
            statement = self._statements[outer] = Statement(outer.format(query=self.sql))
        return statement
