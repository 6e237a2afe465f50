"""How many statements the digestion of a batch of people takes, whatever its size."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
from django.db import connection
from django.test.utils import CaptureQueriesContext

from benchmarks import base, databases, definitions
from benchmarks.base import Workspace
from benchmarks.figures import Figure, expect
from benchmarks.load import app_item
from benchmarks.people import wire_ids
from benchmarks.scale import PEOPLE, note
from events.ingestion import ingest
from events.parsing import parse_batch
from segments.draining import BATCH, drain


def measure() -> Iterator[Figure]:
    with databases.clone(definitions.live(PEOPLE)):
        workspace = base.find_workspace()
        size = min(BATCH - 1, workspace.people)  # a full batch is followed by a look for the next
        full, single = _statements(workspace, size), _statements(workspace, 1)
    yield Figure(
        name="drain_statements",
        value=full,
        unit="statements",
        reference="the same for a batch of one person",
        reference_value=single,
        conditions=f"a drained batch of {size} people, {definitions.LIVE_SEGMENTS} segments, one web-less process; "
        "two for each subject of the batch's news, a dozen subjects at most, and the others' people in everything; the "
        f"transaction's beginning and end are counted too{note()}",
    )


def _statements(workspace: Workspace, people: int) -> int:
    """Of one batch, from the look for work to the commit."""
    dice, now = random.Random(people), datetime.now(UTC)
    items = [app_item(dice, wire_ids(number), at=now) for number in dice.sample(range(workspace.people), people)]
    parsed = parse_batch(msgspec.json.encode({"batch": items}), max_item_bytes=131_072)
    ingest(tenant_id=workspace.tenant_id, items=parsed.items)
    with CaptureQueriesContext(connection) as captured:
        drained = drain(tenant_id=workspace.tenant_id)
    expect(drained == people, f"{drained} people were drained of {people}")
    return len(captured)
