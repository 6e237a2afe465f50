"""What an installation still holds of somebody: every table, read as the owner, and everything in Redis."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import redis
from django.apps import apps
from django.conf import settings
from psycopg import sql

from events.models import Person
from tests.tenants.owner import owner_cursor


def tables_with(*needles: object) -> set[str]:
    """The tables, and the keys of Redis, that hold any of these texts or ids."""
    texts = [str(needle) for needle in needles]
    with owner_cursor() as cursor:
        names = cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'm') "
            "AND NOT relispartition"
        ).fetchall()
        found = {
            name
            for (name,) in names
            if cursor.execute(
                sql.SQL(
                    "SELECT EXISTS (SELECT FROM {} r, unnest(%s::text[]) n WHERE strpos(to_jsonb(r)::text, n) > 0)"
                ).format(sql.Identifier(name)),
                [texts],
            ).fetchone()[0]
        }
    return found | {key for key, content in _redis() if any(text in f"{key} {content}" for text in texts)}


def misplaced_rows() -> list[tuple[str, Any]]:
    """(table, person) of rows about somebody who is an alias or does not exist, and of aliases of such."""
    tables = [
        model._meta.db_table
        for model in apps.get_models()
        if model is not Person and any(field.attname == "person_id" for field in model._meta.concrete_fields)
    ]
    with owner_cursor() as cursor:
        return [
            (table, person_id)
            for table, column in [*((table, "person_id") for table in tables), ("events_person", "merged_into")]
            for (person_id,) in cursor.execute(
                f"SELECT DISTINCT r.{column} FROM {table} r WHERE r.{column} IS NOT NULL AND NOT EXISTS ("
                "SELECT FROM events_person p WHERE p.tenant_id = r.tenant_id AND p.person_id = "
                f"r.{column} AND p.merged_into IS NULL)"
            ).fetchall()
        ]


def _redis() -> Iterable[tuple[str, str]]:
    client = redis.Redis.from_url(settings.REDIS_URL)
    read = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1),
    }
    for key in client.scan_iter():
        yield key.decode(errors="replace"), str(read[client.type(key)](key))
