"""Statements with binary parameters: arrays of a thousand rows go to the database without being spelt as text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections

_PLACEHOLDER = re.compile(r"%\((\w+)\)[sb]")
# A placeholder is written %(name)b and cast: %(people)b::uuid[].


class Statement:
    """A statement that is run often: its `%(name)s` are turned into the server's own placeholders once."""

    def __init__(self, sql: str) -> None:
        names: dict[str, int] = {}
        self.text = _PLACEHOLDER.sub(lambda match: f"${names.setdefault(match[1], len(names) + 1)}", sql)
        self.names = tuple(names)

    def run(self, values: Mapping[str, Any], *, plan_anew: bool = False) -> list[tuple[Any, ...]]:
        """As the function `run`; `plan_anew` for these values, not as prepared for any."""
        return _execute(psycopg.RawCursor, self.text, [values[name] for name in self.names], plan_anew)


def run(sql: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Execute in the transaction around us; returns the rows, if the statement gives any.

    Values are plain ones, lists, or `events.arrays`.
    """
    return _execute(psycopg.Cursor, sql, values, plan_anew=False)


def _execute(kind: type[psycopg.Cursor[Any]], sql: str, values: Any, plan_anew: bool) -> list[tuple[Any, ...]]:
    database = connections[DEFAULT_DB_ALIAS]  # once: the proxy looks its thread up at every attribute
    database.ensure_connection()
    database.validate_no_broken_transaction()
    raw: Any = kind(database.connection)
    raw.format = psycopg.pq.Format.BINARY
    log = database.make_debug_cursor(raw).debug_sql(sql, values) if database.queries_logged else nullcontext()
    with log, database.wrap_database_errors:
        raw.execute(sql, values, prepare=False if plan_anew else None)
    return raw.fetchall() if raw.pgresult.status == psycopg.pq.ExecStatus.TUPLES_OK else []
