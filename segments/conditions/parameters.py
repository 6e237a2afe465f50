"""The values of a statement under construction: every one is bound, none is ever written into SQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Parameters:
    """Collects values and hands out their placeholders.

    Values are plain ones (or lists of them) whose repr says all: it is what tells equal ones.
    """

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.late: dict[str, Callable[[Any], Any]] = {}
        self._names: dict[tuple[str, str, str], str] = {}

    def add(self, value: Any, cast: str) -> str:
        """The placeholder of a value, cast to a PostgreSQL type; equal values share one."""
        name = self._name(type(value).__name__, repr(value), cast)
        self.values[name] = value
        return f"%({name})s::{cast}"

    def add_late(self, what: str, cast: str, find: Callable[[Any], Any]) -> str:
        """The placeholder of a value that is found when the statement is run; `what` tells equal ones."""
        name = self._name("late", what, cast)
        self.late[name] = find
        return f"%({name})s::{cast}"

    def _name(self, *what: str) -> str:
        return self._names.setdefault(what, f"p{len(self._names)}")  # type: ignore[arg-type]
