"""Batches of events over HTTP until they are durable, beside bare COPY."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime

from benchmarks import audit, base, copying, databases, installation
from benchmarks.client import rate_of, send_all
from benchmarks.figures import Figure, percentile
from benchmarks.load import app_item, batches, message_ids_of, server_item
from benchmarks.scale import PEOPLE, note, scaled, tell

CONNECTIONS = 4
COPIED = 50_000
LIMITED_BY = {
    1000: "one web worker's Python (parsing, person and event ids, binding) and then the receipts' and events' random "
    "index pages",
    10: "the statements of a transaction and its commit, which ten events share",
    1: "the statements of a transaction and its commit; the web stack a request",
}


def measure(size: int) -> Iterator[Figure]:
    """Batches of one size into the tenant with a past."""
    dice = random.Random(size)
    with databases.clone(base.past(PEOPLE)):
        workspace = base.find_workspace()
        count = {1000: scaled(200, least=10), 10: scaled(4000, least=50), 1: scaled(8000, least=50)}[size]
        tell(f"{count:,} batches of {size:,}")
        warm, sent = (
            batches(dice, workspace, count=number, size=size, make=server_item if size == 1000 else app_item)
            for number in (max(CONNECTIONS, count // 20), count)
        )
        with installation.running("web") as running:
            began_at = datetime.now(UTC)
            warming = send_all(running.port, [batch.request for batch in warm], connections=CONNECTIONS)
            running.start_clock()
            answers = send_all(running.port, [batch.request for batch in sent], connections=CONNECTIONS)
            processors = running.processors()
        audit.all_taken([*warming, *answers])
        audit.stored_once(workspace.tenant_id, list(message_ids_of([*warm, *sent])), since=began_at)
        rate = rate_of(answers) * size
        tell("bare COPY")
        rows = copying.rows_of(workspace.tenant_id, since=began_at, limit=COPIED if size > 1 else COPIED // 10)
        reference = copying.copy_rate(rows, a_commit=size, after=began_at)
        parallel = copying.copy_rate(rows, a_commit=size, after=began_at, connections=CONNECTIONS)
        empty = copying.copy_rate(rows, a_commit=size)
    yield Figure(
        name="ingest" if size == 1000 else f"ingest_{size}",
        value=round(rate),
        unit="events/s",
        reference=f"COPY of {_rows(size)} a commit over one connection into a copy of this month's partition with its "
        "rows and its primary key, no policies",
        reference_value=round(reference),
        conditions=f"HTTP batches of {size:,} from {'a server library' if size == 1000 else 'the browser SDK'}, "
        f"{CONNECTIONS} kept connections, one web worker, no worker digests meanwhile; "
        f"{base.size_of_past(PEOPLE)} and as many receipts{note()}",
        limited_by=LIMITED_BY[size],
        more={
            f"reference_over_{CONNECTIONS}_connections": round(parallel),
            "reference_into_empty_table": round(empty),
            "answer_p50_ms": round(percentile([answer.ms for answer in answers], 0.5), 1),
            "answer_p99_ms": round(percentile([answer.ms for answer in answers], 0.99), 1),
            "processors_busy": processors,
        },
    )


def _rows(size: int) -> str:
    return f"{size:,} rows" if size > 1 else "a row"
