"""What should this person see now? One question, one locked person, one reservation in the ledger or nothing.

Runs inside a tenant scope; the person stays locked until it ends. Both arms get the same answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from campaigns import metrics
from campaigns.assignment import Assignment, assign
from campaigns.caps import Session
from campaigns.choice import POLICY_VERSION, Candidate, Choice, choose
from campaigns.handles import Handle, seal
from campaigns.ledger import release, reserve
from campaigns.models import Campaign
from campaigns.people import LockedPerson, lock_person, lock_person_by_id
from campaigns.records import LedgerEntry, Trigger
from campaigns.rendering import RenderedMessage, RenderingError, render_message, visible_facts
from campaigns.running import load_running
from campaigns.situation import Situation, load_situation
from campaigns.triggers import Named, find_event_by_id, is_entry
from tenants.models import Tenant


class SignatureRequired(Exception):
    """This workspace tells only whoever proves to be this person."""


@dataclass(frozen=True)
class Question:
    """Who asks, and what they say happened."""

    user_id: str | None = None
    anonymous_id: str | None = None
    named: Named = field(default_factory=Named)
    session_id: str = ""
    is_user_id_signed: bool = False
    """The app's server vouched for the user id."""
    is_server: bool = False
    """A server key asks: it may see everything about everybody."""

    def proves(self, person: LockedPerson) -> bool:
        """A signature speaks for its user id alone, not for whoever else an unsigned anonymous id leads to."""
        return self.is_server or (self.is_user_id_signed and person.found_by_user_id)

    @property
    def device(self) -> str:
        return self.anonymous_id or self.user_id or ""


@dataclass(frozen=True)
class Offer:
    """A reserved decision, ready for the wire."""

    handle: Handle
    message: RenderedMessage
    delay_ms: int
    expires_in_ms: int

    def as_json(self) -> dict[str, Any]:
        return {
            "decision_id": seal(self.handle),
            "campaign_id": str(self.handle.campaign_id),
            "variant": self.handle.variant,
            "arm": self.handle.arm,
            "expires_in_ms": self.expires_in_ms,
            "delay_ms": self.delay_ms,
            "message": self.message.as_json(),
        }


@dataclass(frozen=True)
class Answer:
    """The offer, if any, and in how many milliseconds to ask again though nothing happened."""

    offer: Offer | None
    next_check_in_ms: int | None


NOTHING = Answer(offer=None, next_check_in_ms=None)


def decide(*, question: Question, tenant: Tenant) -> Answer:
    """Decide for the asking person; nothing for somebody never seen. Read-your-writes, exact caps.

    Raises SignatureRequired where the tenant takes signed user ids alone.
    """
    person = lock_person(user_id=question.user_id, anonymous_id=question.anonymous_id)
    if person is None:
        return _no_show("unknown_person", NOTHING)
    if tenant.signed_ids_required and person.has_user_id and not question.proves(person):
        raise SignatureRequired
    running, policy = load_running(now=person.now)
    if not running:
        return _no_show("no_campaign", NOTHING)
    situation = load_situation(person=person, running=running, policy=policy, named=question.named, tenant=tenant)
    renderer = _Renderer(situation, question, tenant)
    standing = _find_standing_offer(situation, question, renderer)
    if isinstance(standing, Offer):
        return Answer(standing, _ms_until(standing.handle.expires_at, situation.now))
    entries = [entry for entry in situation.entries if entry.decision_id not in standing]
    choice = _choose(situation, entries, renderer, question.session_id, tenant)
    next_check = _ms_until(choice.next_check_at, situation.now)
    if choice.chosen is None or choice.message is None:
        return _no_show(choice.reason, Answer(None, next_check))
    campaign = situation.running[choice.chosen.campaign_id].campaign
    # What was just given back does not count, but it has decided the arm.
    assignment = assign(
        campaign_id=campaign.pk,
        person_id=person.person_id,
        control_share=campaign.control_share,
        entries=situation.entries,
    )
    entry = _entry(campaign, choice.chosen, assignment, question, situation.now)
    reserve(person_id=person.person_id, entry=entry, policy_version=POLICY_VERSION, trace=choice.trace())
    metrics.DECISIONS.labels(arm=entry.arm).inc()
    return Answer(_offer(entry, campaign, choice.message, person, tenant, situation.now), next_check)


def explain(*, person_id: UUID, tenant: Tenant) -> dict[str, Any] | None:
    """Why would (or would not) this person see something now: the trace of a decision that is not made.

    Every live trigger counts, and everything about the person is visible. None: there is no such person.
    """
    person = lock_person_by_id(person_id=person_id)
    if person is None:
        return None
    running, policy = load_running(now=person.now)
    situation = load_situation(person=person, running=running, policy=policy, named=Named(), tenant=tenant)
    renderer = _Renderer(situation, Question(is_server=True), tenant)
    return _choose(situation, situation.entries, renderer, "", tenant).trace()


@dataclass(frozen=True)
class _Renderer:
    situation: Situation
    question: Question
    tenant: Tenant

    def __call__(self, candidate: Candidate) -> RenderedMessage:
        return self.render(self.situation.running[candidate.campaign_id].campaign, candidate.trigger)

    def render(self, campaign: Campaign, trigger: Trigger | None) -> RenderedMessage:
        person, question = self.situation.person, self.question
        facts = visible_facts(
            traits=person.traits,
            public_traits=self.tenant.public_traits,
            trigger=trigger,
            is_signed=question.proves(person),
        )
        return render_message(message=campaign.message, facts=facts, locale=self.tenant.locale)


def _choose(
    situation: Situation, entries: list[LedgerEntry], renderer: _Renderer, session_id: str, tenant: Tenant
) -> Choice:
    return choose(
        candidates=situation.candidates,
        policy=situation.policy,
        entries=entries,
        session=Session(session_id, timedelta(minutes=tenant.session_gap_minutes)),
        now=situation.now,
        render=renderer,
    )


def _find_standing_offer(situation: Situation, question: Question, renderer: _Renderer) -> Offer | set[UUID]:
    """The live decision that this device asks about again; else the decisions that were just given back.

    A decision that its device asks about again and that no longer holds (the campaign stopped, the person left its
    audience) is released.
    """
    released: set[UUID] = set()
    for entry in reversed(situation.entries):
        if entry.device != question.device or not entry.is_reserved(situation.now):
            continue
        trigger = _trigger_asked_about(entry, situation, question)
        if trigger is None:
            continue
        running = situation.running.get(entry.campaign_id)
        message = None
        if running is not None and _still_holds(running.campaign, situation):
            try:
                message = renderer.render(running.campaign, trigger)
            except RenderingError:
                message = None
        if running is not None and message is not None:
            return _offer(entry, running.campaign, message, situation.person, renderer.tenant, situation.now)
        release(person_id=situation.person.person_id, decision_id=entry.decision_id, now=situation.now)
        released.add(entry.decision_id)
    return released


def _trigger_asked_about(entry: LedgerEntry, situation: Situation, question: Question) -> Trigger | None:
    """The trigger of a decision, if it counts for this question."""
    if is_entry(entry.trigger_id):
        return Trigger(id=entry.trigger_id, at=entry.decided_at, expires_at=entry.expires_at)
    found = find_event_by_id(
        person_id=situation.person.person_id,
        event_id=UUID(entry.trigger_id),
        decided_at=entry.decided_at,
        named=question.named,
    )
    return found[0] if found is not None and found[1] else None


def _still_holds(campaign: Campaign, situation: Situation) -> bool:
    now = situation.now
    if (campaign.starts_at and campaign.starts_at > now) or (campaign.ends_at and campaign.ends_at <= now):
        return False
    audience = situation.audience_of(campaign)
    return audience is None or audience.is_member


def _entry(
    campaign: Campaign, candidate: Candidate, assignment: Assignment, question: Question, now: datetime
) -> LedgerEntry:
    assert candidate.trigger is not None
    expires_at = now + timedelta(seconds=campaign.message_life_seconds)
    return LedgerEntry(
        decision_id=uuid4(),
        campaign_id=campaign.pk,
        trigger_id=candidate.trigger.id,
        variant=assignment.variant,
        arm=assignment.arm,
        propensity=assignment.propensity,
        device=question.device,
        session_id=question.session_id,
        decided_at=now,
        expires_at=min(expires_at, campaign.ends_at or expires_at),
    )


def _offer(
    entry: LedgerEntry,
    campaign: Campaign,
    message: RenderedMessage,
    person: LockedPerson,
    tenant: Tenant,
    now: datetime,
) -> Offer:
    handle = Handle(
        decision_id=entry.decision_id,
        tenant_id=tenant.pk,
        person_id=person.person_id,
        campaign_id=entry.campaign_id,
        variant=entry.variant,
        arm=entry.arm,
        propensity=entry.propensity,
        expires_at=entry.expires_at,
    )
    # The delay counts from the decision, also when it is told a second time.
    passed_ms = int((now - entry.decided_at) / timedelta(milliseconds=1))
    return Offer(
        handle=handle,
        message=message,
        delay_ms=max(0, campaign.delay_ms - passed_ms),
        expires_in_ms=int((entry.expires_at - now) / timedelta(milliseconds=1)),
    )


def _ms_until(at: datetime | None, now: datetime) -> int | None:
    """Milliseconds, rounded up: asking a moment early would find nothing new."""
    return None if at is None else max(1, -int((now - at) // timedelta(milliseconds=1)))


def _no_show(reason: str, answer: Answer) -> Answer:
    metrics.NO_SHOWS.labels(reason=reason).inc()
    return answer
