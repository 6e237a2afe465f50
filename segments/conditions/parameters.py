"""The values of a statement under construction: every one is bound, none is ever written into SQL."""

from __future__ import annotations

from typing import Any


class Parameters:
    """Collects values and hands out their placeholders.

    Values are plain ones (or lists of them) whose repr says all: it is what tells equal ones.
    """

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self._names: dict[tuple[str, str, str], str] = {}

    def add(self, value: Any, cast: str) -> str:
        """The placeholder of a value, cast to a PostgreSQL type; equal values share one."""
        name = self._names.setdefault((type(value).__name__, repr(value), cast), f"p{len(self.values)}")
        self.values[name] = value
        return f"%({name})s::{cast}"
