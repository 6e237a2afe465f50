"""Statements with binary parameters: arrays of a thousand rows go to the database without being spelt as text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import psycopg
from django.db import connection

_PLACEHOLDER = re.compile(r"%\((\w+)\)[sb]")
# A placeholder is written %(name)b and cast: %(people)b::uuid[].


class Statement:
    """A statement that is run often: its `%(name)s` are turned into the server's own placeholders once."""

    def __init__(self, sql: str) -> None:
        names: dict[str, int] = {}
        self.text = _PLACEHOLDER.sub(lambda match: f"${names.setdefault(match[1], len(names) + 1)}", sql)
        self.names = tuple(names)

    def run(self, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """As the function `run`."""
        connection.ensure_connection()
        return _execute(psycopg.RawCursor(connection.connection), self.text, [values[name] for name in self.names])


def run(sql: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Execute in the transaction around us; returns the rows, if the statement gives any.

    Values are plain ones, lists, or `events.arrays`.
    """
    connection.ensure_connection()
    return _execute(psycopg.Cursor(connection.connection), sql, values)


def _execute(raw: Any, sql: str, values: Any) -> list[tuple[Any, ...]]:
    raw.format = psycopg.pq.Format.BINARY
    wrap = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    with wrap(raw) as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall() if cursor.description else []
