"""Statements with binary parameters: arrays of a thousand rows go to the database without being spelt as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from django.db import connection

# A placeholder is written %(name)b and cast: %(people)b::uuid[].


def run(sql: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Execute in the transaction around us; returns the rows, if the statement gives any.

    Values are plain ones, lists, or `events.arrays`.
    """
    connection.ensure_connection()
    raw = psycopg.Cursor(connection.connection)
    raw.format = psycopg.pq.Format.BINARY
    wrap = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    with wrap(raw) as cursor:  # type: ignore[arg-type]
        cursor.execute(sql, values)
        return cursor.fetchall() if cursor.description else []
