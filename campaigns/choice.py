"""The choice among campaigns: candidates and rules in, the chosen one and a full trace out. Pure.

Candidates are tried by priority (greatest first), then age (oldest first), then id. Each is stopped by the first rule
it fails; the first that no rule stops is chosen, so one at its cap gives way to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from campaigns.caps import Cap, Session, find_cap_stop, find_gap_stop
from campaigns.records import LedgerEntry, Trigger
from campaigns.rendering import RenderedMessage, RenderingError

POLICY_VERSION = "priority/1"
"""How the choice is made: part of every decision, so that other policies can be compared offline."""
LONGEST_WAIT = timedelta(hours=24)
MAX_TRACED = 50


class Rule(StrEnum):
    """What can stop a candidate, in the order in which it is asked."""

    TRIGGER = "trigger"
    SCHEDULE = "schedule"
    AUDIENCE = "audience"
    CAMPAIGN_CAP = "campaign_cap"
    TENANT_CAP = "tenant_cap"
    GAP = "gap"
    OUTRANKED = "outranked"
    MESSAGE = "message"


@dataclass(frozen=True)
class Standing:
    """The person's place in a segment; `valid_until` None: time alone does not change it."""

    is_member: bool
    valid_until: datetime | None = None


@dataclass(frozen=True)
class Candidate:
    """A running campaign as the person meets it now."""

    campaign_id: UUID
    name: str
    priority: int
    created_at: datetime
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    caps: tuple[Cap, ...] = ()
    trigger: Trigger | None = None
    """The newest live trigger that this campaign has not used."""
    trigger_values: dict[str, object] = field(default_factory=dict)
    """What was seen when there is no such trigger."""
    awaited: Standing | None = None
    """The person's place in the segment whose entry is the trigger."""
    audience: Standing | None = None
    """None: everybody."""


@dataclass(frozen=True)
class Policy:
    """What holds for all campaigns together."""

    caps: tuple[Cap, ...] = ()
    gap: timedelta = timedelta(seconds=30)


@dataclass(frozen=True)
class Verdict:
    """Why a candidate was stopped, and the values that the rule saw; `rule` None: chosen."""

    candidate: Candidate
    rule: Rule | None
    values: dict[str, object]
    retry_at: datetime | None = None
    """When time alone may lift the stop while the trigger lives."""


@dataclass(frozen=True)
class Choice:
    chosen: Candidate | None
    message: RenderedMessage | None
    verdicts: Sequence[Verdict]
    now: datetime

    @property
    def reason(self) -> str:
        """One word for why nothing was chosen: the rule that stopped the candidate that came furthest."""
        order = list(Rule)
        return max((v.rule for v in self.verdicts if v.rule), key=order.index, default="no_campaign")

    @property
    def next_check_at(self) -> datetime | None:
        """The earliest future instant at which asking again could matter though nothing happened; 24 hours at most."""
        instants = [
            instant
            for verdict in self.verdicts
            for instant in (verdict.retry_at, _entry_possible_at(verdict.candidate))
            if instant is not None and instant > self.now
        ]
        return min(*instants, self.now + LONGEST_WAIT) if instants else None

    def trace(self) -> dict[str, object]:
        """The verdicts as JSON, the furthest first; at most 50 of them."""
        order = [None, *reversed(Rule)]
        told = sorted(self.verdicts, key=lambda verdict: order.index(verdict.rule))[:MAX_TRACED]
        return {
            "at": self.now.isoformat(),
            "policy": POLICY_VERSION,
            "candidates": [
                {
                    "campaign_id": str(verdict.candidate.campaign_id),
                    "name": verdict.candidate.name,
                    "priority": verdict.candidate.priority,
                    "rule": verdict.rule,
                    "values": verdict.values,
                }
                for verdict in told
            ],
            "omitted": len(self.verdicts) - len(told),
        }


def choose(
    *,
    candidates: Iterable[Candidate],
    policy: Policy,
    entries: Sequence[LedgerEntry],
    session: Session,
    now: datetime,
    render: Callable[[Candidate], RenderedMessage],
) -> Choice:
    """Try the candidates in order; `render` raises RenderingError for a message that cannot be shown."""
    chosen: Candidate | None = None
    message: RenderedMessage | None = None
    verdicts: list[Verdict] = []
    judge = _Judge(policy=policy, entries=entries, session=session, now=now)
    for candidate in sorted(candidates, key=lambda c: (-c.priority, c.created_at, c.campaign_id)):
        verdict = judge.find_stop(candidate)
        if verdict is None and chosen is not None:
            verdict = judge.stop(candidate, Rule.OUTRANKED, {"by": str(chosen.campaign_id)}, now + policy.gap)
        if verdict is None:
            try:
                message = render(candidate)
            except RenderingError as error:
                verdict = judge.stop(candidate, Rule.MESSAGE, {"error": str(error)})
            else:
                chosen = candidate
                verdict = Verdict(candidate, None, judge.values_of(candidate))
        verdicts.append(verdict)
    return Choice(chosen=chosen, message=message, verdicts=verdicts, now=now)


@dataclass(frozen=True)
class _Judge:
    policy: Policy
    entries: Sequence[LedgerEntry]
    session: Session
    now: datetime

    def find_stop(self, candidate: Candidate) -> Verdict | None:
        """The first rule (short of rank and message) that the candidate fails."""
        now = self.now
        if candidate.trigger is None:
            return Verdict(candidate, Rule.TRIGGER, candidate.trigger_values)
        if candidate.starts_at is not None and candidate.starts_at > now:
            starts_at = candidate.starts_at
            return self.stop(candidate, Rule.SCHEDULE, {"starts_at": starts_at.isoformat()}, starts_at)
        if candidate.ends_at is not None and candidate.ends_at <= now:
            return self.stop(candidate, Rule.SCHEDULE, {"ends_at": candidate.ends_at.isoformat()})
        if candidate.audience is not None and not candidate.audience.is_member:
            return self.stop(candidate, Rule.AUDIENCE, {"is_member": False}, candidate.audience.valid_until)
        own = [entry for entry in self.entries if entry.campaign_id == candidate.campaign_id]
        for rule, caps, entries in (
            (Rule.CAMPAIGN_CAP, candidate.caps, own),
            (Rule.TENANT_CAP, self.policy.caps, self.entries),
        ):
            stop = find_cap_stop(caps=caps, entries=entries, now=now, session=self.session)
            if stop is not None:
                return self.stop(candidate, rule, stop.values, stop.lifts_at)
        stop = find_gap_stop(gap=self.policy.gap, entries=self.entries, now=now)
        return self.stop(candidate, Rule.GAP, stop.values, stop.lifts_at) if stop is not None else None

    def stop(
        self, candidate: Candidate, rule: Rule, values: dict[str, object], lifts_at: datetime | None = None
    ) -> Verdict:
        trigger = candidate.trigger
        in_time = lifts_at is not None and trigger is not None and lifts_at < trigger.expires_at
        return Verdict(candidate, rule, self.values_of(candidate) | values, lifts_at if in_time else None)

    def values_of(self, candidate: Candidate) -> dict[str, object]:
        return {"trigger": candidate.trigger.id} if candidate.trigger else {}


def _entry_possible_at(candidate: Candidate) -> datetime | None:
    """When time alone may make the person enter the segment that the campaign listens to."""
    return candidate.awaited.valid_until if candidate.awaited is not None else None
