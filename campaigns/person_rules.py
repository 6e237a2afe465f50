"""What a merge and an erasure do to the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from campaigns.models import Decision
from events.person_rules import DeleteRows, register
from tenants.statements import run

# Two people can have entered a segment at the same instant, so that both ledgers hold the same trigger for a campaign:
# the one that moves is renamed, and both go on to count.
_MOVE = """
WITH merged AS (
    SELECT * FROM unnest(%(sources)b::uuid[], %(targets)b::uuid[]) AS m(source, target)
), ranked AS (
    SELECT d.person_id, d.decision_id, m.target, d.person_id <> m.target AND row_number() OVER (
        PARTITION BY m.target, d.campaign_id, d.trigger_id ORDER BY d.person_id <> m.target, d.person_id, d.decision_id
    ) > 1 AS is_twin
    FROM campaigns_decision d
    JOIN (SELECT source, target FROM merged UNION SELECT target, target FROM merged) m ON d.person_id = m.source
    WHERE d.tenant_id = %(tenant)b
)
UPDATE campaigns_decision d SET
    person_id = r.target,
    trigger_id = CASE WHEN r.is_twin THEN d.trigger_id || ':' || d.person_id ELSE d.trigger_id END
FROM ranked r
WHERE d.tenant_id = %(tenant)b AND d.person_id = r.person_id AND d.decision_id = r.decision_id
  AND d.person_id <> r.target
"""


def merge_decisions(*, tenant_id: UUID, sources: Sequence[UUID], targets: Sequence[UUID]) -> None:
    """The ledgers become one: caps sum by themselves, and the earlier exposure keeps its arm."""
    run(_MOVE, {"tenant": tenant_id, "sources": list(sources), "targets": list(targets)})


def register_rules() -> None:
    register(Decision, merge=merge_decisions, erase=DeleteRows(Decision))
