"""What a merge and an erasure do to memberships and their history."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from events.person_rules import DeleteRows, register
from events.statements import run
from segments.models import Membership, MembershipChange


def _forget_memberships(*, tenant_id: UUID, sources: Sequence[UUID], targets: Sequence[UUID]) -> None:
    """A source is nobody any more; the target is touched and evaluated anew."""
    DeleteRows(Membership)(tenant_id=tenant_id, person_ids=sources)


def _merge_changes(*, tenant_id: UUID, sources: Sequence[UUID], targets: Sequence[UUID]) -> None:
    """The history goes over; of two changes of one segment at one instant (one digestion saw both) one stays."""
    run(
        "WITH gone AS (DELETE FROM segments_membershipchange c "
        "  USING unnest(%(sources)b::uuid[], %(targets)b::uuid[]) AS m(source, target) "
        "  WHERE c.tenant_id = %(tenant)b AND c.person_id = m.source "
        "  RETURNING m.target, c.segment_id, c.changed_at, c.entered, c.reason) "
        "INSERT INTO segments_membershipchange (tenant_id, person_id, segment_id, changed_at, entered, reason) "
        "SELECT %(tenant)b, target, segment_id, changed_at, entered, reason FROM gone ON CONFLICT DO NOTHING",
        {"tenant": tenant_id, "sources": list(sources), "targets": list(targets)},
    )


def register_rules() -> None:
    register(Membership, merge=_forget_memberships, erase=DeleteRows(Membership))
    register(MembershipChange, merge=_merge_changes, erase=DeleteRows(MembershipChange))
