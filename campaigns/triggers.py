"""Finding what a person's campaigns may listen to now: recent events, and recent entries into segments.

An event of the app counts when the caller names it (or names nothing, then all do); events of the tenant's server and
entries count always. An entry by which a segment was merely redefined is none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from campaigns.parsing import APP_OPENED, EventTrigger
from campaigns.records import Trigger
from events.models import Event, event_id_for
from segments.conditions.compiler import CONTEXT, PROPERTIES
from segments.conditions.filters import event_filter_sql
from segments.conditions.parameters import Parameters
from segments.models import MembershipChange
from tenants.scope import current_tenant_id

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
    """Campaign → its live triggers among the person's events, newest first; one statement."""
    if not listeners:
        return {}
    parameters = Parameters()
    moment = parameters.add(now, "timestamptz")
    hits = [_hit(listener, moment=moment, zone=zone, parameters=parameters) for listener in listeners]
    names = sorted({name for listener in listeners for name in listener.trigger.names})
    event_ids = named.event_ids
    sql = f"""
        SELECT e.event_id, e.name, e.occurred_at, e.source, e.properties, ARRAY[{", ".join(hits)}] AS hits
        FROM events_event e
        WHERE e.tenant_id = {parameters.add(current_tenant_id(), "uuid")}
          AND e.person_id = {parameters.add(person_id, "uuid")}
          AND e.name = ANY({parameters.add(names, "text[]")})
          AND e.occurred_at > {parameters.add(now - max(listener.life for listener in listeners), "timestamptz")}
          AND e.occurred_at <= {moment}
          AND (e.source = {parameters.add(Event.Source.SERVER.value, "text")}
               OR {parameters.add(named.message_ids is None, "boolean")}
               OR e.event_id = ANY({parameters.add(event_ids, "uuid[]")})
               OR ({parameters.add(named.just_opened, "boolean")} AND e.name = {parameters.add(APP_OPENED, "text")}))
          AND ({" OR ".join(hits)})
        ORDER BY e.occurred_at DESC, e.event_id DESC LIMIT {MAX_LOOKED_AT}
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters.values)
        rows = cursor.fetchall()
    found: dict[UUID, list[Trigger]] = {}
    for event_id, name, occurred_at, source, properties, hit in rows:
        for listener, is_hit in zip(listeners, hit, strict=True):
            if is_hit:
                trigger = Trigger(
                    id=str(event_id),
                    at=occurred_at,
                    expires_at=occurred_at + listener.life,
                    event_name=name,
                    properties=_document(properties),
                    is_from_caller=source == Event.Source.APP and event_id in event_ids,
                )
                found.setdefault(listener.campaign_id, []).append(trigger)
    return found


def find_entries(
    *, person_id: UUID, segment_ids: Iterable[UUID], life: timedelta, now: datetime
) -> dict[UUID, list[datetime]]:
    """Segment → when the person entered it within `life`, newest first."""
    entries: dict[UUID, list[datetime]] = {}
    changes = (
        MembershipChange.objects.filter(
            person_id=person_id,
            segment_id__in=list(segment_ids),
            entered=True,
            changed_at__gt=now - life,
            changed_at__lte=now,
        )
        .exclude(reason=MembershipChange.Reason.DEFINITION)
        .order_by("-changed_at")
        .values_list("segment_id", "changed_at")
    )
    for segment_id, changed_at in changes:
        entries.setdefault(segment_id, []).append(changed_at)
    return entries


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


def _hit(listener: Listener, *, moment: str, zone: ZoneInfo, parameters: Parameters) -> str:
    where = event_filter_sql(
        listener.trigger.where, properties=PROPERTIES, context=CONTEXT, zone=zone, parameters=parameters
    )
    names = parameters.add(list(listener.trigger.names), "text[]")
    life = parameters.add(listener.life, "interval")
    return f"(e.name = ANY({names}) AND e.occurred_at > {moment} - {life} AND {where})"


def _document(value: Any) -> Mapping[str, Any]:
    return json.loads(value) if isinstance(value, str) else value
