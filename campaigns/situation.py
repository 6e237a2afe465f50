"""Everything that a decision about one locked person depends on, loaded in a fixed number of statements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog

from campaigns.choice import Candidate, Policy, Standing
from campaigns.ledger import load_entries
from campaigns.models import Campaign
from campaigns.parsing import EventTrigger, SegmentEntry
from campaigns.people import LockedPerson
from campaigns.records import LedgerEntry, Trigger
from campaigns.running import Running
from campaigns.triggers import Listener, Named, entry_trigger, find_entries, find_event_triggers
from segments.conditions.compiler import FAR
from segments.conditions.questions import People
from segments.definitions import load_definitions, share_definitions
from segments.membership import (
    Answer,
    current_setting,
    evaluate,
    memberships_of,
    refresh,
)
from tenants.models import Tenant

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Situation:
    """A locked person among the running campaigns as of `now`."""

    person: LockedPerson
    now: datetime
    running: dict[UUID, Running]
    policy: Policy
    candidates: list[Candidate]
    entries: list[LedgerEntry]
    audience_of: Callable[[Campaign], Standing | None]


def load_situation(
    *, person: LockedPerson, running: Sequence[Running], policy: Policy, named: Named, tenant: Tenant
) -> Situation:
    """Load what is stored about the person, evaluating them first when they have news or came due."""
    standings = _Standings(person, running)
    now = standings.now
    event_triggers = find_event_triggers(
        person_id=person.person_id,
        listeners=[Listener(r.campaign.pk, r.trigger, r.life) for r in running if isinstance(r.trigger, EventTrigger)],
        named=named,
        now=now,
        zone=ZoneInfo(tenant.time_zone),
    )
    awaiting = [(r, r.trigger.segment_id) for r in running if isinstance(r.trigger, SegmentEntry)]
    entered = (
        find_entries(
            person_id=person.person_id,
            segment_ids={segment_id for _, segment_id in awaiting},
            life=max(r.life for r, _ in awaiting),
            now=now,
        )
        if awaiting
        else {}
    )
    live: dict[UUID, list[Trigger]] = dict(event_triggers)
    for r, segment_id in awaiting:
        live[r.campaign.pk] = [
            entry_trigger(segment_id=segment_id, entered_at=at, life=r.life)
            for at in entered.get(segment_id, [])
            if at + r.life > now
        ]
    entries = load_entries(
        person_id=person.person_id,
        now=now,
        trigger_ids=sorted({trigger.id for triggers in live.values() for trigger in triggers}),
    )
    used = {(entry.campaign_id, entry.trigger_id) for entry in entries}
    return Situation(
        person=person,
        now=now,
        running={r.campaign.pk: r for r in running},
        policy=policy,
        candidates=[_candidate(r, live.get(r.campaign.pk, []), used, standings) for r in running],
        entries=entries,
        audience_of=standings.of_audience,
    )


def _candidate(
    running: Running, live: Sequence[Trigger], used: set[tuple[UUID, str]], standings: _Standings
) -> Candidate:
    if not live and isinstance(running.trigger, EventTrigger):
        return running.candidate
    awaited = None
    unused = [trigger for trigger in live if (running.campaign.pk, trigger.id) not in used]
    values = running.candidate.trigger_values | {"live": len(live), "used": len(live) - len(unused)}
    if isinstance(running.trigger, SegmentEntry):
        awaited = standings.of(running.trigger.segment_id)
        values["is_member"] = awaited.is_member
        if not awaited.is_member:
            # Who has left again is not reached because they once entered.
            unused = []
    return replace(
        running.candidate,
        trigger=unused[0] if unused else None,
        trigger_values=values,
        awaited=awaited,
        # Only a candidate with a trigger can fail for its audience: the others need no evaluation.
        audience=standings.of_audience(running.campaign) if unused else None,
    )


class _Standings:
    """The person's places in segments as of `now`; refreshed on the way in when they might be out of date."""

    def __init__(self, person: LockedPerson, running: Sequence[Running]) -> None:
        self.person_id = person.person_id
        self.now = person.now
        self.answers: dict[UUID, Answer] = {}
        if not any(r.campaign.audience_id or isinstance(r.trigger, SegmentEntry) for r in running):
            return
        if not person.is_touched:
            self.answers = memberships_of(person_id=person.person_id)
        if person.is_touched or any(answer.valid_until <= person.now for answer in self.answers.values()):
            self.now = refresh(person_ids=[person.person_id])
            self.answers = memberships_of(person_id=person.person_id)

    def of(self, segment_id: UUID) -> Standing:
        return _standing(self.answers.get(segment_id))

    def of_audience(self, campaign: Campaign) -> Standing | None:
        """None: everybody is in the audience."""
        if campaign.audience_id is None:
            return None
        if campaign.audience_live_version is None:  # type: ignore[attr-defined]
            return self.never_computed[campaign.audience_id]
        return self.of(campaign.audience_id)

    @cached_property
    def never_computed(self) -> dict[UUID, Standing]:
        """This person's places in the segments that nobody's membership was computed for yet."""
        share_definitions()  # a computation that ends meanwhile would leave them neither pending nor loaded
        definitions = load_definitions()
        found = evaluate(definitions.all, scope=People([self.person_id]), setting=current_setting(self.now))
        standings = {
            key.segment_id: _standing(Answer(is_member, until, self.now))
            for _, key, is_member, until in found
            if key in definitions.pending
        }
        live = {
            key.segment_id: _standing(Answer(is_member, until, self.now))
            for _, key, is_member, until in found
            if key in definitions.live
        }
        return standings | live


def _standing(answer: Answer | None) -> Standing:
    if answer is None:
        return Standing(is_member=False)
    return Standing(answer.is_member, answer.valid_until if answer.valid_until < FAR else None)
