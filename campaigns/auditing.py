"""The audit of the ledger: caps and gaps counted anew at every exposure, and what must never stand in a row.

The definitions in force are judged by: an exposure counts against a cap that its decision could know. So a window is
judged where its latest decision was made after the cap was last changed, and after the person was last merged: two
people who turn out to be one may have used up more than one could.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.backends.utils import CursorWrapper
from django.db.models import Max

from campaigns.caps import Cap
from campaigns.definitions import current_policy
from campaigns.models import Campaign
from campaigns.parsing import CampaignError, parse_caps
from tenants.auditing import Account, Finding, Kind, fetch_rows, findings_in, snapshot, tallies
from tenants.clock import read_clock
from tenants.models import AuditEntry, Tenant

_BEFORE_ALL = datetime(1, 1, 3, tzinfo=UTC)
_IN_FLIGHT = timedelta(minutes=1)
"""A decision that had read the caps before they were changed is stored within this time."""


def audit_ledger(*, tenant_id: UUID, since: timedelta | None = None) -> Account:
    """Count every cap at every exposure (`since`: of the last so long), and rows that contradict themselves."""
    with snapshot(tenant_id) as cursor:
        ledger = _Ledger(cursor, tenant_id, since)
        for campaign in Campaign.objects.order_by("pk"):
            ledger.judge_caps(campaign)
        ledger.judge_policy()
        ledger.judge_rows()
    return Account(ledger.figures, ledger.possible)


class _Ledger:
    def __init__(self, cursor: CursorWrapper, tenant_id: UUID, since: timedelta | None) -> None:
        self.cursor = cursor
        self.tenant = Tenant.objects.get()
        after = read_clock() - since if since is not None else _BEFORE_ALL
        self.values: dict[str, Any] = {"tenant": tenant_id, "after": after}
        self.gap_changed = self.settled(self.changed_at("tenants.tenant", "session_gap_minutes"))
        self.figures = {"decisions": 0, "exposures": 0, "caps_counted": 0}
        self.possible: list[Finding] = []

    def judge_caps(self, campaign: Campaign) -> None:
        changed_at = self.changed_at("campaigns.campaign", "caps", object_id=campaign.pk) or campaign.updated_at
        where = {"where": "d.campaign_id = %(campaign)s", "campaign": campaign.pk, "changed": self.settled(changed_at)}
        for cap in self.readable(campaign.caps, f"campaign “{campaign.name}”"):
            self.judge_cap(cap, where, "campaigns.cap", f"campaign “{campaign.name}”")

    def judge_policy(self) -> None:
        policy = current_policy()
        changed = self.settled(self.changed_at("campaigns.messagepolicy", "caps"))
        for cap in self.readable(policy.caps, "message policy"):
            self.judge_cap(cap, {"where": "TRUE", "changed": changed}, "campaigns.tenant_cap", "message policy")
        values = {"gap": timedelta(seconds=policy.gap_seconds)}
        changed = self.settled(self.changed_at("campaigns.messagepolicy", "gap_seconds"))
        count, example = self.count(_GAP, values | {"changed": changed})
        self.possible.append(Finding("campaigns.gap", count, "exposures closer together than the gap", example))

    def judge_cap(self, cap: Cap, scope: Mapping[str, Any], code: str, whose: str) -> None:
        self.figures["caps_counted"] += 1
        text = f"exposures beyond {cap.limit} per {cap.text} ({whose})"
        for partition, kind, window in _windows(cap, timedelta(minutes=self.tenant.session_gap_minutes)):
            frame = "UNBOUNDED PRECEDING" if window is None else "%(window)s PRECEDING"
            statement = _CAP.format(where=f"{scope['where']} AND {kind}", partition=partition, frame=frame)
            changed = max(scope["changed"], self.gap_changed) if cap.window == "session" else scope["changed"]
            values = {**scope, "changed": changed, "limit": cap.limit, "window": window}
            count, example = self.count(statement, values)
            self.possible.append(Finding(code, count, text, example))

    def judge_rows(self) -> None:
        self.cursor.execute(_ROWS, self.values)
        (row,) = fetch_rows(self.cursor)
        self.figures |= {name: row[name] for name in ("decisions", "exposures")}
        self.possible += findings_in(row, room="campaigns", kinds=_CONTRADICTIONS)
        count, example = self.count(_ARMS, {})
        self.possible.append(Finding("campaigns.arms", count, "people with several arms in one campaign", example))

    def readable(self, document: object, whose: str) -> tuple[Cap, ...]:
        """The caps; those that cannot be read are a finding: nobody keeps them."""
        try:
            return parse_caps(document)
        except CampaignError as error:
            self.possible.append(Finding("campaigns.unreadable", 1, f"caps that cannot be read ({whose}): {error}"))
            return ()

    def changed_at(self, kind: str, field: str, *, object_id: UUID | None = None) -> datetime | None:
        """When the audit log last saw this field change; None: it never did."""
        entries = AuditEntry.objects.filter(object_type=kind, changes__has_key=field)
        if object_id is not None:
            entries = entries.filter(object_id=str(object_id))
        return entries.aggregate(at=Max("at"))["at"]

    def settled(self, changed_at: datetime | None) -> datetime:
        """From when on, by the tenant's clock, every decision knew a change."""
        return _BEFORE_ALL if changed_at is None else changed_at + _IN_FLIGHT + self.tenant.clock_offset

    def count(self, statement: str, values: Mapping[str, Any]) -> tuple[int, str | None]:
        self.cursor.execute(statement, {**self.values, **values})
        return self.cursor.fetchone()


def _windows(cap: Cap, session_gap: timedelta) -> list[tuple[str, str, timedelta | None]]:
    """(what is counted together, of which exposures, how long; None: ever): windows are open at their old end."""
    moment = timedelta(microseconds=1)
    match cap.window:
        case timedelta():
            return [("d.person_id", "TRUE", cap.window - moment)]
        case "lifetime":
            return [("d.person_id", "TRUE", None)]
        case "session":
            return [
                ("d.person_id, d.session_id", "d.session_id <> ''", None),
                ("d.person_id", "d.session_id = ''", session_gap - moment),
            ]


_MERGES = """
merges AS (
    SELECT merged_into AS person_id, max(merged_at) AS merged_at FROM events_person
    WHERE tenant_id = %(tenant)s AND merged_into IS NOT NULL GROUP BY merged_into
)
"""
# Whoever is decided for last had all the others counted: as exposed, or as reserved and exposed later.
_CAP = f"""
WITH {_MERGES}, counted AS (
    SELECT d.person_id, d.exposed_at, count(*) OVER w AS used, max(d.decided_at) OVER w AS decided_at
    FROM campaigns_decision d
    WHERE d.tenant_id = %(tenant)s AND d.exposed_at IS NOT NULL AND {{where}}
    WINDOW w AS (PARTITION BY {{partition}} ORDER BY d.exposed_at RANGE BETWEEN {{frame}} AND CURRENT ROW)
)
SELECT count(*), min(c.person_id::text) FROM counted c LEFT JOIN merges g USING (person_id)
WHERE c.used > %(limit)s AND c.exposed_at >= %(after)s
  AND c.decided_at > greatest(%(changed)s, g.merged_at)
"""
_GAP = f"""
WITH {_MERGES}, followed AS (
    SELECT d.person_id, d.exposed_at, max(d.decided_at) OVER w AS decided_at, lag(d.exposed_at) OVER w AS former
    FROM campaigns_decision d WHERE d.tenant_id = %(tenant)s AND d.exposed_at IS NOT NULL
    WINDOW w AS (PARTITION BY d.person_id ORDER BY d.exposed_at ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
)
SELECT count(*), min(f.person_id::text) FROM followed f LEFT JOIN merges g USING (person_id)
WHERE f.exposed_at - f.former < %(gap)s AND f.exposed_at >= %(after)s
  AND f.decided_at > greatest(%(changed)s, g.merged_at)
"""
_ARMS = f"""
WITH {_MERGES}, several AS (
    SELECT d.person_id FROM campaigns_decision d LEFT JOIN merges g USING (person_id)
    WHERE d.tenant_id = %(tenant)s AND (g.merged_at IS NULL OR d.decided_at > g.merged_at)
    GROUP BY d.person_id, d.campaign_id HAVING count(DISTINCT (d.arm, d.variant)) > 1
)
SELECT count(*), min(person_id::text) FROM several
"""
_USED = "coalesce(d.rendered_at, d.clicked_at, d.dismissed_at) IS NOT NULL"
_CONTRADICTIONS = {
    "late_exposure": Kind(
        "d.exposed_at > d.expires_at OR d.exposed_at < d.decided_at", "decisions exposed after they had expired"
    ),
    "released_exposure": Kind("d.exposed_at IS NOT NULL AND d.released_at IS NOT NULL", "exposed although released"),
    "shown_in_control": Kind(f"d.arm = 'control' AND {_USED}", "drawn or used in the control arm"),
    "unexposed_use": Kind(f"d.exposed_at IS NULL AND {_USED}", "drawn or used without an exposure"),
    "of_nobody": Kind("p.person_id IS NULL", "decisions of people without a row of their own"),
}
_ROWS = f"""
SELECT count(*) AS decisions, count(d.exposed_at) AS exposures, {tallies(_CONTRADICTIONS, example="d.decision_id")}
FROM campaigns_decision d
LEFT JOIN events_person p ON p.tenant_id = %(tenant)s AND p.person_id = d.person_id AND p.merged_into IS NULL
WHERE d.tenant_id = %(tenant)s AND d.decided_at >= %(after)s
"""
