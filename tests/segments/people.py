"""People for tests of what is shown: stored as ingestion would leave them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from events.models import Event, Person, event_id_for, person_id_for
from events.normalisation import normalised
from segments.draining import drain
from segments.recomputation import advance_recomputation
from tests.conftest import Company


def meet(company: Company, identifier: str, *, kind: str = "user_id", **traits: Any) -> UUID:
    """Store a person of the company; needs its scope."""
    person_id = person_id_for(tenant_id=company.tenant.pk, kind=kind, identifier=identifier)
    now = datetime.now(UTC)
    Person.objects.create(
        tenant_id=company.tenant.pk,
        person_id=person_id,
        identifier_kind=kind,
        identifier=identifier,
        first_seen_at=now,
        last_seen_at=now,
        traits=traits,
        traits_normal=normalised(traits),
        touched_at=now,
    )
    return person_id


def does(company: Company, person_id: UUID, name: str, *, ago: timedelta = timedelta(0), **properties: Any) -> Event:
    """Store an event of the person; needs the company's scope."""
    now = datetime.now(UTC)
    message_id = str(uuid4())
    event = Event.objects.create(
        tenant_id=company.tenant.pk,
        person_id=person_id,
        name=name,
        occurred_at=now - ago,
        event_id=event_id_for(tenant_id=company.tenant.pk, message_id=message_id),
        message_id=message_id,
        received_at=now,
        source=Event.Source.APP,
        properties=properties,
        properties_normal=normalised(properties),
        context={},
    )
    Person.objects.filter(person_id=person_id).update(touched_at=now)
    return event


def settle(company: Company) -> None:
    """Compute what is pending and digest what is new, as the workers would."""
    drain(tenant_id=company.tenant.pk)
    while advance_recomputation(tenant_id=company.tenant.pk):
        pass
