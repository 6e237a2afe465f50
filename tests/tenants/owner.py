"""The owner's own connection, for what a test must plant or look at behind the application's back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection


def connection_params(**changes: Any) -> dict[str, Any]:
    settings = connection.settings_dict
    params = {"host": settings["HOST"], "port": settings["PORT"], "dbname": settings["NAME"], **settings["OWNER"]}
    return params | changes


@contextmanager
def owner_cursor() -> Iterator[psycopg.Cursor[Any]]:
    with psycopg.connect(**connection_params(), autocommit=True) as owner, owner.cursor() as cursor:
        yield cursor
