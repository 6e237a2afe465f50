"""Writing an oracle's history straight into the store, as ingestion would leave it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from events.models import Event, Person, event_id_for, person_id_for
from events.normalisation import normalised
from tests.oracle import facts


def store_person(*, tenant_id: UUID, person: facts.Person, now: datetime) -> UUID:
    """Store a person with all their events; returns the person's id."""
    identifier = str(uuid4())
    person_id = person_id_for(tenant_id=tenant_id, kind="user_id", identifier=identifier)
    seen = person.created_at or now
    Person.objects.create(
        tenant_id=tenant_id,
        person_id=person_id,
        identifier_kind=Person.IdentifierKind.USER_ID,
        identifier=identifier,
        first_seen_at=seen,
        last_seen_at=seen,
        traits=_plain(person.traits),
        traits_normal=normalised(_plain(person.traits)),
        touched_at=now,
    )
    store_events(tenant_id=tenant_id, person_id=person_id, events=person.events, now=now)
    return person_id


def store_events(*, tenant_id: UUID, person_id: UUID, events: tuple[facts.Event, ...], now: datetime) -> None:
    Event.objects.bulk_create(
        Event(
            tenant_id=tenant_id,
            person_id=person_id,
            name=event.name,
            occurred_at=event.occurred_at,
            event_id=event_id_for(tenant_id=tenant_id, message_id=f"{person_id}{event.message_id}"),
            message_id=event.message_id,
            received_at=event.received_at or now,
            source=Event.Source.APP,
            properties=_plain(event.properties),
            context=_plain(event.context),
            properties_normal=normalised(_plain(event.properties)),
            context_normal=normalised(_plain(event.context)),
        )
        for event in events
    )


def touch(*, person_id: UUID) -> None:
    """Mark a person as having undigested facts."""
    Person.objects.filter(person_id=person_id).update(touched_at=datetime.now(UTC))


def _plain(document: Any) -> Any:
    return json.loads(json.dumps(document))
