"""Ingestion without HTTP: parsing and the whole transaction of one client, into a new tenant."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import msgspec

from benchmarks import audit, base, copying, databases
from benchmarks.base import NAMES
from benchmarks.figures import Figure
from benchmarks.scale import note, scaled
from events.ingestion import ingest
from events.parsing import parse_batch

BATCH, PEOPLE = 1000, 5000


def measure() -> Iterator[Figure]:
    count = scaled(100, least=5)
    with databases.clone(databases.template("empty", lambda: None)):
        workspace = base.found_workspace(PEOPLE)
        began_at, message_ids = datetime.now(UTC), list[str]()
        dice, seconds = random.Random(1), 0.0
        for _ in range(count):
            items = [_item(dice, now=began_at) for _ in range(BATCH)]
            message_ids += [item["messageId"] for item in items]
            body = msgspec.json.encode({"batch": items})
            start = time.perf_counter()
            parsed = parse_batch(body, max_item_bytes=131_072)
            ingest(tenant_id=workspace.tenant_id, items=parsed.items, rejections=parsed.rejections)
            seconds += time.perf_counter() - start
        audit.stored_once(workspace.tenant_id, message_ids, since=began_at)
        rows = copying.rows_of(workspace.tenant_id, since=began_at, limit=50_000)
        reference = copying.copy_rate(rows, a_commit=BATCH)
    yield Figure(
        name="ingest_transaction",
        value=round(len(message_ids) / seconds),
        unit="events/s",
        reference="COPY of 1,000 rows a commit into a like table, empty at first, same index, no policies",
        reference_value=round(reference),
        conditions=f"batches of {BATCH:,}, {PEOPLE:,} people, a new tenant, parsing included, one client, no "
        f"HTTP{note()}",
        limited_by="one processor: Python and the database take turns",
    )


def _item(dice: random.Random, *, now: datetime) -> dict[str, object]:
    return {
        "type": "track",
        "userId": f"user-{dice.randrange(PEOPLE)}",
        "event": dice.choice(list(NAMES)),
        "messageId": str(uuid4()),
        "timestamp": (now - timedelta(minutes=dice.randrange(50_000))).isoformat(),
        "properties": {"price": dice.randrange(100), "category": dice.choice(["shoes", "bags"])},
    }
