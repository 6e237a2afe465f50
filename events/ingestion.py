"""Ingestion: one transaction stores a batch's receipts, people, merges, traits, events and rejections, or nothing.

A batch takes the same number of statements whatever its size. Locks are taken in one order: receipts by id, then
people by id; whoever loses a race all the same begins again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from django.db import transaction

from events.arrays import Instants, Texts, UUIDs
from events.clock import occurrences
from events.documents import Documents
from events.items import Item, find_names
from events.merging import merge_people
from events.models import Event, event_key
from events.nudges import nudge
from events.parsing import Rejection
from events.people import Asked, Key, ask, attribute, lock, look
from events.persistence import persistently
from events.rejections import log_rejections
from events.signatures import refuse_unsigned
from events.traits import MAX_TRAITS, Change, record_changes
from tenants.scope import tenant_scope
from tenants.statements import run

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

    return persistently(store)


def _arrive(tenant_id: UUID) -> tuple[datetime, bool]:
    """The instant of arrival by the tenant's clock, and whether its apps must sign user ids."""
    (row,) = run(
        "SELECT tenants_clock(), signed_ids_required FROM tenants_tenant WHERE id = %(tenant)b", {"tenant": tenant_id}
    )
    return row


def _store(tenant_id: UUID, items: Sequence[Item], is_server: bool, arrived_at: datetime) -> Outcome:
    tenant = tenant_id.bytes
    times = occurrences([(item.client_time, item.sent_at) for item in items], arrived_at=arrived_at)
    batch: dict[Key, tuple[Item, int]] = {}
    for item, occurred_at in zip(items, times, strict=True):
        batch.setdefault(event_key(tenant=tenant, message_id=item.message_id), (item, occurred_at))
    new = _receive(tenant_id, batch, arrived_at)
    if not new:
        return Outcome(stored=0, duplicates=len(items), rejections=[])
    asked = [
        ask(tenant=tenant, item=item, event_key=key, occurred_at=occurred_at)
        for key, (item, occurred_at) in batch.items()
        if key in new
    ]
    known = look(tenant_id=tenant_id, asked=asked)
    attribution = attribute(asked=asked, known=known, may_merge_users=is_server)
    received_at = lock(tenant_id=tenant_id, asked=asked, rows=attribution.rows, known=known, arrived_at=arrived_at)
    merge_people(tenant_id=tenant_id, merges=attribution.merges, merged_at=received_at)
    facts = [(person, one) for one, person in zip(asked, attribution.people, strict=True) if person is not None]
    without_room = record_changes(tenant_id=tenant_id, changes=_changes(facts), received_at=received_at)
    _store_events(tenant_id, [fact for fact in facts if fact[1].item.event_name is not None], received_at, is_server)
    return Outcome(
        stored=len(facts),
        duplicates=len(items) - len(asked),
        rejections=[
            *(_no_merge(one.item) for one, person in zip(asked, attribution.people, strict=True) if person is None),
            *(
                _no_room(batch[event_id.bytes][0], count)
                for event_id, count in Counter(change.event_id for change in without_room).items()
            ),
        ],
    )


_Fact: TypeAlias = tuple[Key, Asked]
"""Whose it is, and what."""


def _receive(tenant_id: UUID, batch: Mapping[Key, tuple[Item, int]], arrived_at: datetime) -> set[Key]:
    """Write the receipts; returns the messages that are new."""
    keys = sorted(batch)
    kept = [batch[key] for key in keys]
    rows = run(
        "INSERT INTO events_receipt (tenant_id, event_id, received_at, occurred_at) "
        "SELECT %(tenant)b, m.event_id, %(arrived)b, m.occurred_at "
        "FROM unnest(%(events)b::uuid[], %(times)b::timestamptz[]) AS m(event_id, occurred_at) "
        "ORDER BY m.event_id ON CONFLICT DO NOTHING RETURNING uuid_send(event_id)",
        {
            "tenant": tenant_id,
            "arrived": arrived_at,
            "events": UUIDs(keys),
            "times": Instants([occurred_at if item.event_name is not None else None for item, occurred_at in kept]),
        },
    )
    return {key for (key,) in rows}


def _changes(facts: Sequence[_Fact]) -> list[Change]:
    changes = []
    for person, one in facts:
        if one.item.traits:
            person_id, event_id = UUID(bytes=person), UUID(bytes=one.event_key)
            changes += [
                Change(person_id, name, value, one.occurred_at, event_id) for name, value in one.item.traits.items()
            ]
    return changes


def _store_events(tenant_id: UUID, facts: Sequence[_Fact], received_at: datetime, is_server: bool) -> None:
    if not facts:
        return
    documents = Documents()
    properties = [documents.encode(one.item.properties) for _, one in facts]
    contexts = [documents.encode(one.item.context) for _, one in facts]
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
            "people": UUIDs([person for person, _ in facts]),
            "names": Texts([one.item.event_name.encode() for _, one in facts]),  # type: ignore[union-attr]
            "times": Instants([one.occurred_at for _, one in facts]),
            "events": UUIDs([one.event_key for _, one in facts]),
            "messages": Texts([one.item.message_id.encode() for _, one in facts]),
            "sources": Texts([_source(one.item, is_server).encode() for _, one in facts]),
            "properties": Texts([plain for plain, _ in properties]),
            "contexts": Texts([plain for plain, _ in contexts]),
            "properties_normal": Texts([normal for _, normal in properties]),
            "contexts_normal": Texts([normal for _, normal in contexts]),
        },
    )


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
