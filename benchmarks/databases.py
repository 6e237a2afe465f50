"""The benchmarks' databases: templates, made once a run, and the clone that a measure works on and may spoil."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from psycopg import sql
from psycopg.conninfo import make_conninfo

from benchmarks.scale import tell

_CLONE, _UNFINISHED = "bench_clone", "bench_unfinished"
_ROOT = Path(__file__).resolve().parents[1]


def connect_as_owner(name: str = "") -> psycopg.Connection[Any]:
    """A connection of its own to the database in use (or the one named), past the policies."""
    database = name or connection.settings_dict["NAME"]
    return psycopg.connect(make_conninfo(settings.DATABASE_OWNER_URL, dbname=database), autocommit=True)


def application_url() -> str:
    """Where the processes of the product find the database in use."""
    return make_conninfo(settings.DATABASE_URL, dbname=connection.settings_dict["NAME"])


def template(kind: str, build: Callable[[], None], *, parent: str | None = None) -> str:
    """The name of a database that `build` filled, beginning from a migrated one or from `parent`."""
    name = f"bench_{kind}_{_version()}"
    if name in _existing():
        return name
    tell(f"making the database “{kind}” …")
    _drop(_UNFINISHED)
    if parent is None:
        _as_admin("CREATE DATABASE {}", _UNFINISHED)
    else:
        _as_admin("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", _UNFINISHED, parent)
    with _using(_UNFINISHED):
        if parent is None:
            call_command("migrate", interactive=False, verbosity=0)
        build()
        tell("vacuum and statistics")
        with connect_as_owner() as owner:
            owner.execute("VACUUM ANALYZE")
    _as_admin("ALTER DATABASE {} RENAME TO {}", _UNFINISHED, name)
    _as_admin("ALTER DATABASE {} ALLOW_CONNECTIONS false", name)
    return name


@contextmanager
def clone(name: str) -> Iterator[None]:
    """Inside, the database in use is a copy of the template; nothing may be connected to it at the end."""
    _drop(_CLONE)
    tell("cloning the database")
    _as_admin("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", _CLONE, name)
    try:
        with _using(_CLONE):
            yield
    finally:
        _drop(_CLONE)


def drop_outdated() -> None:
    """Drop what an interrupted run, or one of another day or version, has left."""
    for name in _existing():
        if not name.endswith(_version()):
            _drop(name)


def _version() -> str:
    """Changes with whatever the templates depend on: their making, the tables, and the day, since the past moves on."""
    making = ("base", "people", "definitions", "databases")
    sources = [*(_ROOT / "benchmarks" / f"{name}.py" for name in making), *_ROOT.glob("*/migrations/*.py")]
    digest = hashlib.sha256(f"{datetime.now(UTC):%Y-%m-%d}".encode())
    for path in sorted(sources):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:10]


@contextmanager
def _using(name: str) -> Iterator[None]:
    former = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = former


def _existing() -> list[str]:
    with connect_as_owner("postgres") as admin:
        return [row[0] for row in admin.execute(r"SELECT datname FROM pg_database WHERE datname LIKE 'bench\_%'")]


def _as_admin(statement: str, *names: str) -> None:
    with connect_as_owner("postgres") as admin:
        admin.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _drop(name: str) -> None:
    for attempt in range(50):  # the sessions of a process that has just ended take a moment to end
        try:
            return _as_admin("DROP DATABASE IF EXISTS {}", name)
        except psycopg.errors.ObjectInUse:
            if attempt == 49:
                raise
            time.sleep(0.2)
    return None
