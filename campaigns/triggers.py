"""Finding what a person's campaigns may listen to now: recent events, and recent entries into segments.

An event of the app counts when the caller names it (or names nothing, then all do); events of the tenant's server and
entries count always. An entry by which a segment was merely redefined is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from campaigns.parsing import APP_OPENED, EventTrigger
from campaigns.records import Trigger
from events.models import Event, event_id_for
from segments.conditions.compiler import CONTEXT, PROPERTIES
from segments.conditions.filters import event_filter_sql
from segments.conditions.nodes import Filter
from segments.conditions.parameters import Parameters
from segments.models import MembershipChange
from tenants.scope import current_tenant_id
from tenants.statements import run

LONGEST_LIFE = timedelta(days=1)
MAX_LOOKED_AT = 200
"""The newest events that are considered of one person and moment."""


@dataclass(frozen=True)
class Listener:
    """A campaign that listens to events."""

    campaign_id: UUID
    trigger: EventTrigger
    life: timedelta


@dataclass(frozen=True)
class Named:
    """What the caller says triggered the question."""

    message_ids: tuple[str, ...] | None = None
    """None: nothing is named, and every live trigger counts."""
    just_opened: bool = False
    """An `app_opened` of the app counts even if it is not named."""

    @property
    def event_ids(self) -> list[UUID]:
        tenant_id = current_tenant_id()
        return [event_id_for(tenant_id=tenant_id, message_id=message_id) for message_id in self.message_ids or ()]


def find_event_triggers(
    *, person_id: UUID, listeners: Sequence[Listener], named: Named, now: datetime, zone: ZoneInfo
) -> dict[UUID, list[Trigger]]:
    """Campaign → its live triggers among the person's newest events, newest first.

    A second statement is needed only where filters must be asked of a live event.
    """
    if not listeners:
        return {}
    event_ids = named.event_ids
    events = run(
        _LIVE_EVENTS,
        {
            "tenant": current_tenant_id(),
            "person": person_id,
            "names": sorted({name for listener in listeners for name in listener.trigger.names}),
            "since": now - max(listener.life for listener in listeners),
            "now": now,
            "all": named.message_ids is None,
            "named": event_ids,
            "opened": APP_OPENED if named.just_opened else None,
        },
    )
    heard = [
        (event, listener)
        for event in events
        for listener in listeners
        if event[1] in listener.trigger.names and event[2] > now - listener.life
    ]
    asked = [(event, listener) for event, listener in heard if listener.trigger.where]
    passed = _passed(person_id, asked, zone) if asked else set()
    found: dict[UUID, list[Trigger]] = {}
    for event, listener in heard:
        event_id, name, occurred_at, source, properties = event
        if listener.trigger.where and (event_id, listener.trigger.where) not in passed:
            continue
        trigger = Trigger(
            id=str(event_id),
            at=occurred_at,
            expires_at=occurred_at + listener.life,
            event_name=name,
            properties=properties,
            is_from_caller=source == Event.Source.APP and event_id in event_ids,
        )
        found.setdefault(listener.campaign_id, []).append(trigger)
    return found


_EventRow: TypeAlias = tuple[Any, ...]
"""event_id, name, occurred_at, source, properties"""
_LIVE_EVENTS = f"""
    SELECT e.event_id, e.name, e.occurred_at, e.source, e.properties FROM events_event e
    WHERE e.tenant_id = %(tenant)b AND e.person_id = %(person)b AND e.name = ANY(%(names)b::text[])
      AND e.occurred_at > %(since)b AND e.occurred_at <= %(now)b
      AND (e.source = '{Event.Source.SERVER.value}' OR %(all)b OR e.event_id = ANY(%(named)b::uuid[])
           OR e.name = %(opened)b::text)
    ORDER BY e.occurred_at DESC, e.event_id DESC LIMIT {MAX_LOOKED_AT}
"""


def _passed(
    person_id: UUID, asked: Sequence[tuple[_EventRow, Listener]], zone: ZoneInfo
) -> set[tuple[UUID, tuple[Filter, ...]]]:
    """The (event, filters) of which the event satisfies all; each different list of filters is asked once."""
    wheres = list(dict.fromkeys(listener.trigger.where for _, listener in asked))
    parameters = Parameters()
    hits = [
        event_filter_sql(where, properties=PROPERTIES, context=CONTEXT, zone=zone, parameters=parameters)
        for where in wheres
    ]
    events = [event for event, _ in asked]
    sql = f"""
        SELECT e.event_id, ARRAY[{", ".join(hits)}] FROM events_event e
        WHERE e.tenant_id = {parameters.add(current_tenant_id(), "uuid")}
          AND e.person_id = {parameters.add(person_id, "uuid")}
          AND e.name = ANY({parameters.add(sorted({event[1] for event in events}), "text[]")})
          AND e.occurred_at = ANY({parameters.add(sorted({event[2] for event in events}), "timestamptz[]")})
          AND e.event_id = ANY({parameters.add(sorted({event[0] for event in events}), "uuid[]")})
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters.values)
        return {
            (event_id, where)
            for event_id, verdicts in cursor.fetchall()
            for where, verdict in zip(wheres, verdicts, strict=True)
            if verdict
        }


def find_entries(
    *, person_id: UUID, segment_ids: Iterable[UUID], life: timedelta, now: datetime
) -> dict[UUID, list[datetime]]:
    """Segment → when the person entered it within `life`, newest first."""
    entries: dict[UUID, list[datetime]] = {}
    changes = run(
        _ENTRIES,
        {
            "tenant": current_tenant_id(),
            "person": person_id,
            "segments": list(segment_ids),
            "since": now - life,
            "now": now,
        },
    )
    for segment_id, changed_at in changes:
        entries.setdefault(segment_id, []).append(changed_at)
    return entries


_ENTRIES = f"""
    SELECT segment_id, changed_at FROM segments_membershipchange
    WHERE tenant_id = %(tenant)b AND person_id = %(person)b AND segment_id = ANY(%(segments)b::uuid[]) AND entered
      AND reason <> '{MembershipChange.Reason.DEFINITION.value}'
      AND changed_at > %(since)b AND changed_at <= %(now)b
    ORDER BY changed_at DESC
"""


def entry_trigger(*, segment_id: UUID, entered_at: datetime, life: timedelta) -> Trigger:
    return Trigger(id=f"{segment_id}:{entered_at.isoformat()}", at=entered_at, expires_at=entered_at + life)


def is_entry(trigger_id: str) -> bool:
    """Whether a trigger's id means an entry into a segment (an event's is a bare UUID)."""
    return ":" in trigger_id


def find_event_by_id(
    *, person_id: UUID, event_id: UUID, decided_at: datetime, named: Named
) -> tuple[Trigger, bool] | None:
    """The event that triggered a decision, and whether it counts for a caller who names these."""
    row = (
        Event.objects.filter(person_id=person_id, event_id=event_id)
        .filter(occurred_at__gt=decided_at - LONGEST_LIFE, occurred_at__lte=decided_at)
        .values_list("name", "occurred_at", "source", "properties")
        .first()
    )
    if row is None:
        return None
    name, occurred_at, source, properties = row
    is_named = event_id in named.event_ids
    trigger = Trigger(
        id=str(event_id),
        at=occurred_at,
        expires_at=occurred_at,
        event_name=name,
        properties=properties,
        is_from_caller=source == Event.Source.APP and is_named,
    )
    counts = named.message_ids is None or is_named or source == Event.Source.SERVER
    return trigger, counts or (named.just_opened and name == APP_OPENED)
