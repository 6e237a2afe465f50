"""Storing the demo's items through the ingestion that every event takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any
from uuid import UUID

import msgspec

from events.ingestion import ingest
from events.items import Item, WireItem, build_item

BATCH = 1_000


def store(*, tenant_id: UUID, items: Iterable[dict[str, Any]], progress: Callable[[int], Any] = lambda _: None) -> int:
    """Ingest items of the protocol as an app would have sent them, in batches; returns how many were new."""
    stored = done = 0
    remaining = iter(items)
    while batch := [_item(document, index) for index, document in enumerate(islice(remaining, BATCH))]:
        stored += ingest(tenant_id=tenant_id, items=batch).stored
        done += len(batch)
        progress(done)
    return stored


def _item(document: dict[str, Any], index: int) -> Item:
    wire = msgspec.convert(document, WireItem)
    return build_item(wire, index=index, batch_context={}, batch_sent_at=None, raw=b"")
