"""The reference of ingestion: bare COPY of the same rows into a like table with the same index, without policies."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from uuid import UUID

import psycopg

from benchmarks import databases

TABLE = "bench_bare"


def rows_of(tenant_id: UUID, *, since: datetime, limit: int) -> list[bytes]:
    """The events stored since then, each a line as COPY reads it."""
    with databases.connect_as_owner() as owner, owner.cursor() as cursor:
        query = psycopg.sql.SQL(
            "COPY (SELECT * FROM events_event WHERE tenant_id = {} AND received_at >= {} LIMIT {}) TO STDOUT"
        ).format(tenant_id, since, limit)
        with cursor.copy(query) as copy:
            return [bytes(line) for line in copy]


def copy_rate(rows: Sequence[bytes], *, a_commit: int, after: datetime | None = None, connections: int = 1) -> float:
    """Rows a second; the table begins empty, or with this month's rows from before `after`."""
    batches = iter([b"".join(rows[first : first + a_commit]) for first in range(0, len(rows), a_commit)])

    def copy_all(_: int) -> None:
        with databases.connect_as_owner() as owner, owner.cursor() as cursor:
            for batch in batches:
                with cursor.copy(f"COPY {TABLE} FROM STDIN") as copy:
                    copy.write(batch)

    with databases.connect_as_owner() as owner, ThreadPoolExecutor(connections) as threads:
        owner.execute(f"CREATE TABLE {TABLE} (LIKE events_event INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
        try:
            if after is not None:
                month = f"events_event_{after:%Y_%m}"
                owner.execute(f"INSERT INTO {TABLE} SELECT * FROM {month} WHERE received_at < %s", [after])
            key = owner.execute(
                "SELECT pg_get_constraintdef(oid) FROM pg_constraint "
                "WHERE conrelid = 'events_event'::regclass AND contype = 'p'"
            ).fetchall()[0][0]
            owner.execute(f"ALTER TABLE {TABLE} ADD {key} WITH (fillfactor = 70)")
            began = time.perf_counter()
            list(threads.map(copy_all, range(connections)))
            return len(rows) / (time.perf_counter() - began)
        finally:
            owner.execute(f"DROP TABLE {TABLE}")
