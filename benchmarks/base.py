"""The shared past: a tenant that has run for half a year, with its people, their events and all receipts.

Written by SQL as the owner: heaps in the order of time and indexes as loose as grown ones, as ingestion would have left
them; one partition for what was before, then one a month.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from benchmarks import databases
from benchmarks.people import draw_busy_sql, identifier_of, person_id_of
from benchmarks.scale import EVENTS_A_PERSON, tell
from tenants.founding import found_tenant
from tenants.keys import create_key
from tenants.models import APIKey, User
from tenants.scope import tenant_scope

PAST = timedelta(days=180)
# What people do, and how often.
NAMES = {
    "page": 0.40, "product_viewed": 0.25, "app_opened": 0.10, "searched": 0.08, "product_liked": 0.06,
    "added_to_cart": 0.06, "purchased": 0.03, "help_opened": 0.02,
}  # fmt: skip
CATEGORIES = ("shoes", "bags", "coats", "books", "toys", "tools", "garden", "travel")
CITIES = ("seoul", "new york", "berlin", "lagos", "mumbai", "lima", "osaka", "cairo", "paris", "austin")
PLANS = ("free", "free", "free", "plus", "pro")
_FILL = 70  # per cent; freshly built indexes are fuller than grown ones


@dataclass(frozen=True)
class Workspace:
    """A tenant of the benchmarks, and the key that its apps send with."""

    tenant_id: UUID
    write_key: str
    people: int


def size_of_past(people: int) -> str:
    """For a figure's conditions."""
    return f"{people:,} people, {people * EVENTS_A_PERSON:,} past events"


def past(people: int) -> str:
    """The template of a tenant with so many people."""
    return databases.template(f"past_{people}", lambda: _fill(people))


def found_workspace(people: int) -> Workspace:
    """A new tenant without a past."""
    owner = User.objects.create_user(f"{uuid.uuid4()}@bench.example")
    tenant = found_tenant(name="Bench", owner=owner)
    with tenant_scope(tenant.pk):
        _, key = create_key(name="App", kind=APIKey.Kind.WRITE)
    return Workspace(tenant_id=tenant.pk, write_key=key, people=people)


def find_workspace() -> Workspace:
    """The tenant of the template that the database in use was cloned from."""
    with databases.connect_as_owner() as owner:
        tenant_id, key = owner.execute("SELECT tenant_id, key FROM tenants_apikey").fetchall()[0]
        people = owner.execute("SELECT count(*) FROM events_person").fetchall()[0][0]
    return Workspace(tenant_id=tenant_id, write_key=key, people=people)


def _fill(people: int) -> None:
    workspace = found_workspace(people)
    now = datetime.now(UTC)
    with connection.as_owner(), connection.cursor() as cursor:
        cursor.execute("SET work_mem = '256MB'")
        cursor.execute("SET maintenance_work_mem = '1GB'")
        _number_people(cursor, workspace)
        for begins, ends in _make_months(cursor, now):
            _write_events(cursor, workspace, begins=begins, ends=ends, now=now)
        tell("receipts")
        with _without_indexes(cursor, "events_receipt"):
            cursor.execute(
                "INSERT INTO events_receipt (tenant_id, event_id, received_at, occurred_at) "
                "SELECT tenant_id, event_id, received_at, occurred_at FROM events_event"
            )
        tell("people")
        with _without_indexes(cursor, "events_person"):
            _write_people(cursor, workspace, now)
        cursor.execute("DROP TABLE bench_number")


def _number_people(cursor: Any, workspace: Workspace) -> None:
    cursor.execute("CREATE UNLOGGED TABLE bench_number (number int, person_id uuid, kind text, identifier text)")
    with cursor.copy("COPY bench_number FROM STDIN") as copy:
        for number in range(workspace.people):
            copy.write_row((number, person_id_of(workspace.tenant_id, number), *identifier_of(number)))
    cursor.execute("ANALYZE bench_number")


def _make_months(cursor: Any, now: datetime) -> list[tuple[datetime, datetime]]:
    """Detached partitions as an installation of half a year has them, in place of those of a new one; their ranges."""
    this_month = datetime(now.year, now.month, 1, tzinfo=UTC)
    months = [this_month]
    while (before := (months[0] - timedelta(days=1)).replace(day=1)) > now - PAST:
        months.insert(0, before)
    cursor.execute(f"DROP TABLE events_event_past, {_leaf(this_month)}")
    return list(zip([now - PAST, *months], [*months, now], strict=True))


def _leaf(month: datetime) -> str:
    return f"events_event_{month:%Y_%m}"


def _write_events(cursor: Any, workspace: Workspace, *, begins: datetime, ends: datetime, now: datetime) -> None:
    """Fill a partition, index it, and attach it."""
    events = workspace.people * EVENTS_A_PERSON
    # Differences of rounded sums, so that all months together have just so many.
    count = round(events * (1 - (now - ends) / PAST)) - round(events * (1 - (now - begins) / PAST))
    is_past = begins == now - PAST
    leaf = "events_event_past" if is_past else _leaf(begins)
    tell(f"{count:,} events: {leaf.removeprefix('events_event_')}")
    cursor.execute(f"CREATE TABLE {leaf} (LIKE events_event INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
    # The numbers stand in the statement itself: without them the planner could not tell which side to hash, and the
    # other order would not be that of time.
    cursor.execute(
        f"""
        INSERT INTO {leaf} (tenant_id, person_id, name, occurred_at, event_id, message_id, received_at, source,
                            properties, context)
        SELECT '{workspace.tenant_id}', p.person_id, d.name, d.at, gen_random_uuid(), gen_random_uuid()::text, d.at,
               'app', ({_PROPERTIES})::jsonb,
               '{{"library": {{"name": "nunchi-web", "version": "0.1.0"}}, "locale": "en"}}'
        FROM (
            SELECT n.at, n.number, n.category, n.product, n.price, {_name_sql()} AS name
            FROM (
                SELECT i, random() AS dice, {draw_busy_sql(workspace.people)} AS number,
                       timestamptz '{begins.isoformat()}'
                           + interval '{(ends - begins).total_seconds()} s' * ((i + random() * 0.99) / {count}) AS at,
                       (ARRAY{list(CATEGORIES)})[1 + floor(random() * {len(CATEGORIES)})::int] AS category,
                       floor(power(random(), 2) * 2000)::int AS product,
                       5 + floor(power(random(), 2) * 200)::int AS price
                FROM generate_series(0, {count - 1}) i OFFSET 0
            ) n
        ) d JOIN bench_number p USING (number)
        """
    )
    cursor.execute("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'events_event'::regclass "
                   "AND contype = 'p'")  # fmt: skip
    cursor.execute(f"ALTER TABLE {leaf} ADD {cursor.fetchone()[0]} WITH (fillfactor = {_FILL})")
    month_ends = (begins.replace(day=1) + timedelta(days=32)).replace(day=1)
    lower, upper = ("MINVALUE", ends) if is_past else (f"'{begins.isoformat()}'", month_ends)
    cursor.execute(
        f"ALTER TABLE events_event ATTACH PARTITION {leaf} FOR VALUES FROM ({lower}) TO ('{upper.isoformat()}')"
    )


def _name_sql() -> str:
    cases, sum_ = [], 0.0
    for name, share in NAMES.items():
        sum_ += share
        cases.append(f"WHEN n.dice < {sum_} THEN '{name}'")
    return f"CASE {' '.join(cases)} ELSE 'page' END"


_PROPERTIES = """
    CASE WHEN d.name IN ('page', 'app_opened', 'help_opened')
        THEN '{"path": "/' || d.category || '/' || d.product || '"}'
    WHEN d.name = 'searched' THEN '{"query": "' || d.category || ' ' || d.product || '", "results": ' || d.price || '}'
    ELSE '{"product_id": "p' || d.product || '", "category": "' || d.category || '", "price": ' || d.price
        || ', "cart_id": "c' || d.number || '"}' END
"""


def _write_people(cursor: Any, workspace: Workspace, now: datetime) -> None:
    cursor.execute(
        """
        INSERT INTO events_person (tenant_id, person_id, identifier_kind, identifier, first_seen_at, last_seen_at,
                                   created_at, traits)
        SELECT %(tenant)s, p.person_id, p.kind, p.identifier, coalesce(e.first, %(now)s), coalesce(e.last, %(now)s),
               coalesce(e.first, %(now)s),
               jsonb_build_object('city', (%(cities)s::text[])[1 + p.number %% %(city_count)s],
                                  'plan', (%(plans)s::text[])[1 + p.number / 7 %% %(plan_count)s],
                                  'age', 18 + p.number / 11 %% 60)
        FROM bench_number p LEFT JOIN (
            SELECT person_id, min(occurred_at) AS first, max(occurred_at) AS last FROM events_event GROUP BY person_id
        ) e USING (person_id)
        """,
        {
            "tenant": workspace.tenant_id,
            "now": now,
            "cities": list(CITIES),
            "city_count": len(CITIES),
            "plans": list(PLANS),
            "plan_count": len(PLANS),
        },
    )


@contextmanager
def _without_indexes(cursor: Any, table: str) -> Iterator[None]:
    """Drop a table's indexes while it is filled, and make them anew as loose as grown ones."""
    cursor.execute(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE conrelid = %s::regclass AND contype IN ('p', 'u')",
        [table],
    )
    constraints = cursor.fetchall()
    cursor.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index "
        "WHERE indrelid = %s::regclass AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)",
        [table],
    )
    indexes = cursor.fetchall()
    for name, _ in constraints:
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    for name, _ in indexes:
        cursor.execute(f"DROP INDEX {name}")
    yield
    for name, definition in constraints:
        cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition} WITH (fillfactor = {_FILL})")
    for _, definition in indexes:
        where = definition.find(" WHERE ")
        head, tail = (definition, "") if where < 0 else (definition[:where], definition[where:])
        cursor.execute(f"{head} WITH (fillfactor = {_FILL}){tail}")
