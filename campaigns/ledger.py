"""Reading and writing a person's decisions; the caller holds the person's lock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from campaigns.models import Decision
from campaigns.records import LedgerEntry
from tenants.scope import current_tenant_id
from tenants.statements import run

_COLUMNS = (
    "decision_id, campaign_id, trigger_id, variant, arm, propensity, device, session_id, decided_at, expires_at, "
    "exposed_at, released_at"
)
# The first row of a campaign keeps the person's arm; the others matter while they count or hold a trigger.
_LOAD = f"""
SELECT {_COLUMNS} FROM (
    SELECT {_COLUMNS}, row_number() OVER (PARTITION BY campaign_id ORDER BY decided_at, decision_id) AS place
    FROM campaigns_decision WHERE tenant_id = %(tenant)b AND person_id = %(person)b
) d
WHERE place = 1 OR exposed_at IS NOT NULL OR (released_at IS NULL AND expires_at > %(now)b)
   OR trigger_id = ANY(%(triggers)b::text[])
ORDER BY decided_at, decision_id
"""


def load_entries(*, person_id: UUID, now: datetime, trigger_ids: Sequence[str]) -> list[LedgerEntry]:
    """The person's entries that a decision must know, in one statement, oldest first."""
    values = {"tenant": current_tenant_id(), "person": person_id, "now": now, "triggers": list(trigger_ids)}
    return [LedgerEntry(*row) for row in run(_LOAD, values)]


def reserve(*, person_id: UUID, entry: LedgerEntry, policy_version: str, trace: dict[str, Any]) -> None:
    """Store a decision."""
    Decision.objects.create(
        tenant_id=current_tenant_id(),
        person_id=person_id,
        decision_id=entry.decision_id,
        campaign_id=entry.campaign_id,
        trigger_id=entry.trigger_id,
        variant=entry.variant,
        arm=entry.arm,
        propensity=entry.propensity,
        policy_version=policy_version,
        device=entry.device,
        session_id=entry.session_id,
        decided_at=entry.decided_at,
        expires_at=entry.expires_at,
        trace=trace,
    )


def release(*, person_id: UUID, decision_id: UUID, now: datetime) -> None:
    """Give back a reservation that cannot be honoured any more."""
    Decision.objects.filter(person_id=person_id, decision_id=decision_id, exposed_at=None, released_at=None).update(
        released_at=now
    )
