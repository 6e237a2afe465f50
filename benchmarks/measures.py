"""What is measured: each measure checks its result against an independent count before it yields a figure."""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from events.ingestion import ingest
from events.parsing import parse_batch
from segments.conditions.compiler import Everyone, Key
from segments.conditions.parsing import parse_condition
from segments.membership import count_members, current_setting, evaluate
from tenants.founding import found_tenant
from tenants.models import Tenant, User
from tenants.scope import tenant_scope

BATCH = 1000
BATCHES = 100
PEOPLE = 5000
NAMES = ("page", "product_viewed", "product_liked", "added_to_cart", "purchased")


@dataclass(frozen=True)
class Figure:
    """One result beside its reference; `ratio` is value / reference_value."""

    name: str
    value: float
    unit: str
    reference: str
    reference_value: float
    ratio: float
    conditions: str


def new_tenant() -> Tenant:
    owner = User.objects.create_user(f"{uuid.uuid4()}@bench.example", "correct horse battery")
    return found_tenant(name="Bench", owner=owner)


def bodies(seed: int) -> Iterator[bytes]:
    """Batches of track calls of many people over the last weeks."""
    dice, now = random.Random(seed), datetime.now(UTC)
    for _ in range(BATCHES):
        batch = [
            {
                "type": "track",
                "userId": f"user-{dice.randrange(PEOPLE)}",
                "event": dice.choice(NAMES),
                "messageId": str(uuid.UUID(int=dice.getrandbits(128))),
                "timestamp": (now - timedelta(minutes=dice.randrange(50_000))).isoformat(),
                "properties": {"price": dice.randrange(100), "category": dice.choice(["shoes", "bags"])},
            }
            for _ in range(BATCH)
        ]
        yield json.dumps({"batch": batch}).encode()


def fill(tenant: Tenant) -> float:
    """Ingest everything; returns the seconds it took."""
    seconds = 0.0
    for body in bodies(seed=1):
        start = time.perf_counter()
        parsed = parse_batch(body, max_item_bytes=131_072)
        ingest(tenant_id=tenant.pk, items=parsed.items, rejections=parsed.rejections)
        seconds += time.perf_counter() - start
    return seconds


def count_events(tenant: Tenant) -> int:
    with tenant_scope(tenant.pk), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM events_event WHERE tenant_id = %s", [tenant.pk])
        return cursor.fetchone()[0]


def measure_ingest() -> Iterator[Figure]:
    """Parsing and the whole transaction, without HTTP, one client, beside bare COPY of the same rows."""
    tenant = new_tenant()
    rate = BATCH * BATCHES / fill(tenant)
    assert count_events(tenant) == BATCH * BATCHES, "the audit failed: not every accepted event is stored"
    reference = copy_rate(tenant)
    yield Figure(
        name="ingest_transaction",
        value=round(rate),
        unit="events/s",
        reference="COPY of 1,000 rows a commit into a like table, same index, no policies",
        reference_value=round(reference),
        ratio=round(rate / reference, 3),
        conditions=f"batches of {BATCH:,}, {PEOPLE:,} people, parsing included, one client, no HTTP",
    )


def copy_rate(tenant: Tenant) -> float:
    """Rows a second of COPY into a bare copy of the table, a commit a thousand rows."""
    with tenant_scope(tenant.pk), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM events_event WHERE tenant_id = %s LIMIT 50000", [tenant.pk])
        columns = [column.name for column in cursor.description]
        rows = [[json.dumps(v) if isinstance(v, dict) else v for v in row] for row in cursor.fetchall()]
    key = "PRIMARY KEY (tenant_id, person_id, name, occurred_at, event_id)"
    with connection.as_owner(), connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE bare_copy (LIKE events_event INCLUDING DEFAULTS, {key})")
        start = time.perf_counter()
        for first in range(0, len(rows), BATCH):
            with cursor.copy(f"COPY bare_copy ({', '.join(columns)}) FROM STDIN") as copy:
                for row in rows[first : first + BATCH]:
                    copy.write_row(row)
        seconds = time.perf_counter() - start
        cursor.execute("DROP TABLE bare_copy")
    return len(rows) / seconds


def measure_full() -> Iterator[Figure]:
    """One count condition for everyone, beside hand-written SQL for the same answer."""
    tenant = new_tenant()
    fill(tenant)
    node = parse_condition(
        {"did": "product_liked", "where": [{"property": "price", "op": ">", "value": 50}], "within": "30d"}
    )
    with connection.as_owner(), connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE events_event")
    with tenant_scope(tenant.pk):
        members, _ = count_members(node)
        ours = best_of(lambda: evaluate({Key(uuid.uuid4(), 1): node}, scope=Everyone(), setting=current_setting()))
        with connection.cursor() as cursor:

            def by_hand() -> Any:
                cursor.execute(
                    "SELECT person_id FROM events_event WHERE tenant_id = %s AND name = 'product_liked' "
                    "AND occurred_at > now() - interval '30 days' AND (properties->>'price')::numeric > 50 "
                    "GROUP BY person_id",
                    [tenant.pk],
                )
                return cursor.fetchall()

            reference = best_of(by_hand)
            assert len(by_hand()) == members, "the audit failed: the counts differ"
    yield Figure(
        name="full",
        value=round(ours * 1000, 1),
        unit="ms",
        reference="hand-written SQL for the same people (without valid_until)",
        reference_value=round(reference * 1000, 1),
        ratio=round(ours / reference, 2),
        conditions=f"{BATCH * BATCHES:,} events, {PEOPLE:,} people, best of 5, an answer for everybody",
    )


def best_of(work: Callable[[], Any], times: int = 5) -> float:
    """Seconds of the fastest run."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


MEASURES: dict[str, Callable[[], Iterator[Figure]]] = {"ingest": measure_ingest, "full": measure_full}
