"""Ingestion: one transaction stores a batch's receipts, people, merges, traits, events and rejections, or nothing.

A batch takes the same number of statements whatever its size. Locks are taken in one order: receipts by id, then
people by id; whoever loses a race all the same begins again.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import TypeVar
from uuid import UUID

import structlog
from django.db import IntegrityError, OperationalError, connection, transaction

from events.clock import occurrences
from events.items import Item, find_names
from events.lenient import encode_json
from events.merging import merge_people
from events.models import Event, event_id_for
from events.normalisation import normalised
from events.nudges import nudge
from events.parsing import Rejection
from events.partitions import make_partitions
from events.people import PeopleChanged, ask, attribute, lock, look
from events.rejections import log_rejections
from events.signatures import refuse_unsigned
from events.statements import run
from events.traits import MAX_TRAITS, Change, record_changes
from tenants.scope import tenant_scope

log = structlog.get_logger(__name__)
T = TypeVar("T")

ATTEMPTS = 5
_DEADLOCK, _SERIALISATION, _NO_PARTITION = "40P01", "40001", "23514"

# Libraries that run on servers: `context.library.name`.
SERVER_LIBRARIES = frozenset(
    {
        "analytics-python", "analytics-node", "analytics-ruby", "analytics-go", "analytics-java", "analytics-php",
        "analytics-rust", "Analytics.NET", "analytics.net", "node-analytics", "@segment/analytics-node",
        "rudder-sdk-node", "@rudderstack/rudder-sdk-node", "rudder-analytics-python", "rudderstack-python",
        "rudder-sdk-python", "rudderanalytics-ruby", "analytics-go-rudder", "rudder-sdk-go", "rudder-sdk-java",
    }
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a batch."""

    stored: int
    duplicates: int
    rejections: list[Rejection]


def ingest(
    *, tenant_id: UUID, items: Sequence[Item], rejections: Sequence[Rejection] = (), is_server: bool = False
) -> Outcome:
    """Store a batch in its own transaction, then nudge the digestion; `is_server`: it came with a server key.

    Raises django.db errors when the database fails; then nothing is stored.
    """
    if not items and not rejections:
        return Outcome(stored=0, duplicates=0, rejections=[])

    def store() -> Outcome:
        with tenant_scope(tenant_id):
            arrived_at, signed_ids_required = _arrive(tenant_id)
            kept, unsigned = items, list[Rejection]()
            if signed_ids_required and not is_server:
                # Before the receipts: what is refused may come again with its signature.
                kept, unsigned = refuse_unsigned(tenant_id=tenant_id, items=items)
            outcome = _store(tenant_id, kept, is_server, arrived_at)
            refused = [*rejections, *unsigned, *outcome.rejections]
            rejected = sorted(refused, key=lambda rejection: rejection.index)
            log_rejections(tenant_id=tenant_id, rejections=rejected)
            if outcome.stored:
                transaction.on_commit(lambda: nudge("segments.drain", tenant_id=tenant_id))
            return Outcome(stored=outcome.stored, duplicates=outcome.duplicates, rejections=rejected)

    return _persistently(store)


def _arrive(tenant_id: UUID) -> tuple[datetime, bool]:
    """The instant of arrival by the tenant's clock, and whether its apps must sign user ids."""
    (row,) = run(
        "SELECT tenants_clock(), signed_ids_required FROM tenants_tenant WHERE id = %(tenant)b", {"tenant": tenant_id}
    )
    return row


def _store(tenant_id: UUID, items: Sequence[Item], is_server: bool, arrived_at: datetime) -> Outcome:
    times = occurrences([(item.client_time, item.sent_at) for item in items], arrived_at=arrived_at)
    batch: dict[UUID, tuple[Item, datetime]] = {}
    for item, occurred_at in zip(items, times, strict=True):
        batch.setdefault(event_id_for(tenant_id=tenant_id, message_id=item.message_id), (item, occurred_at))
    new = _receive(tenant_id, batch, arrived_at)
    if not new:
        return Outcome(stored=0, duplicates=len(items), rejections=[])
    fresh = [
        (event_id, ask(tenant_id=tenant_id, item=item, event_id=event_id, occurred_at=occurred_at))
        for event_id, (item, occurred_at) in batch.items()
        if event_id in new
    ]
    asked = [one for _, one in fresh]
    known = look(tenant_id=tenant_id, asked=asked)
    attribution = attribute(asked=asked, known=known, may_merge_users=is_server)
    received_at = lock(tenant_id=tenant_id, asked=asked, rows=attribution.rows, known=known, arrived_at=arrived_at)
    merge_people(tenant_id=tenant_id, merges=attribution.merges, merged_at=received_at)
    facts = [
        _Fact(event_id, person_id, one.item, one.occurred_at)
        for (event_id, one), person_id in zip(fresh, attribution.person_ids, strict=True)
        if person_id is not None
    ]
    changes = [
        Change(fact.person_id, name, value, fact.occurred_at, fact.event_id)
        for fact in facts
        for name, value in fact.item.traits.items()
    ]
    without_room = record_changes(tenant_id=tenant_id, changes=changes, received_at=received_at)
    _store_events(tenant_id, [fact for fact in facts if fact.item.event_name is not None], received_at, is_server)
    return Outcome(
        stored=len(facts),
        duplicates=len(items) - len(fresh),
        rejections=[
            *(_no_merge(one.item) for one, whom in zip(asked, attribution.person_ids, strict=True) if whom is None),
            *(
                _no_room(batch[event_id][0], count)
                for event_id, count in Counter(change.event_id for change in without_room).items()
            ),
        ],
    )


@dataclass(frozen=True, slots=True)
class _Fact:
    event_id: UUID
    person_id: UUID
    item: Item
    occurred_at: datetime


def _receive(tenant_id: UUID, batch: Mapping[UUID, tuple[Item, datetime]], arrived_at: datetime) -> set[UUID]:
    """Write the receipts; returns the messages that are new."""
    event_ids = sorted(batch, key=attrgetter("int"))
    kept = [batch[event_id] for event_id in event_ids]
    rows = run(
        "INSERT INTO events_receipt (tenant_id, event_id, received_at, occurred_at) "
        "SELECT %(tenant)b, m.event_id, %(arrived)b, m.occurred_at "
        "FROM unnest(%(events)b::uuid[], %(times)b::timestamptz[]) AS m(event_id, occurred_at) "
        "ORDER BY m.event_id ON CONFLICT DO NOTHING RETURNING event_id",
        {
            "tenant": tenant_id,
            "arrived": arrived_at,
            "events": event_ids,
            "times": [occurred_at if item.event_name is not None else None for item, occurred_at in kept],
        },
    )
    return {event_id for (event_id,) in rows}


def _store_events(tenant_id: UUID, facts: Sequence[_Fact], received_at: datetime, is_server: bool) -> None:
    if not facts:
        return
    run(
        "INSERT INTO events_event (tenant_id, person_id, name, occurred_at, event_id, message_id, received_at, source, "
        "properties, context, properties_normal, context_normal) "
        "SELECT %(tenant)b, e.person_id, e.name, e.occurred_at, e.event_id, e.message_id, %(received)b, e.source, "
        "e.properties::jsonb, e.context::jsonb, e.properties_normal::jsonb, e.context_normal::jsonb "
        "FROM unnest(%(people)b::uuid[], %(names)b::text[], %(times)b::timestamptz[], %(events)b::uuid[], "
        "%(messages)b::text[], %(sources)b::text[], %(properties)b::text[], %(contexts)b::text[], "
        "%(properties_normal)b::text[], %(contexts_normal)b::text[]) "
        "AS e(person_id, name, occurred_at, event_id, message_id, source, properties, context, properties_normal, "
        "context_normal)",
        {
            "tenant": tenant_id,
            "received": received_at,
            "people": [fact.person_id for fact in facts],
            "names": [fact.item.event_name for fact in facts],
            "times": [fact.occurred_at for fact in facts],
            "events": [fact.event_id for fact in facts],
            "messages": [fact.item.message_id for fact in facts],
            "sources": [_source(fact.item, is_server) for fact in facts],
            "properties": [encode_json(fact.item.properties).decode() for fact in facts],
            "contexts": [encode_json(fact.item.context).decode() for fact in facts],
            "properties_normal": [_normal(fact.item.properties) for fact in facts],
            "contexts_normal": [_normal(fact.item.context) for fact in facts],
        },
    )


def _normal(document: dict[str, object]) -> str | None:
    normal = normalised(document)
    return None if normal is None else encode_json(normal).decode()


def _source(item: Item, is_server: bool) -> str:
    library = item.context.get("library")
    name = library.get("name") if isinstance(library, dict) else None
    known = isinstance(name, str) and name in SERVER_LIBRARIES
    return Event.Source.SERVER.value if is_server or known else Event.Source.APP.value


def _no_room(item: Item, count: int) -> Rejection:
    return Rejection(
        index=item.index,
        code="traits_full",
        message=f"{count} traits were left out: a person has at most {MAX_TRAITS:,} of them, and 1 MB in all.",
        raw=item.raw,
        names=find_names(item),
    )


def _no_merge(item: Item) -> Rejection:
    return Rejection(
        index=item.index,
        code="alias_refused",
        message="previousId is already somebody: merging two identified people needs a server key.",
        raw=item.raw,
        names=find_names(item),
    )


def _persistently(store: Callable[[], T]) -> T:
    """Begin again after a lost race or with missing partitions; inside somebody's transaction there is one try."""
    for attempt in range(ATTEMPTS):
        try:
            return store()
        except (PeopleChanged, OperationalError, IntegrityError) as error:
            code = getattr(error.__cause__, "sqlstate", None)
            worthwhile = isinstance(error, PeopleChanged) or code in (_DEADLOCK, _SERIALISATION, _NO_PARTITION)
            if not worthwhile or connection.in_atomic_block or attempt == ATTEMPTS - 1:
                if isinstance(error, PeopleChanged):
                    raise OperationalError("the people of this batch keep changing") from error
                raise
            log.info("ingestion.retried", attempt=attempt, reason=code or "people_changed")
            if code == _NO_PARTITION:
                make_partitions()
            time.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311  (not a secret)
    raise AssertionError("unreachable")
