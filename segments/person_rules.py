"""What a merge and an erasure do to memberships and their history.

Both hold off a swap of versions, like everybody who writes memberships: it would note an entry or exit of somebody who
is an alias or gone by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from events.person_rules import DeleteRows, register
from segments.definitions import share_definitions
from segments.models import Membership, MembershipChange
from tenants.statements import run


def _merge_memberships(*, tenant_id: UUID, sources: Sequence[UUID], targets: Sequence[UUID]) -> None:
    """A member in any of them was a member: the evaluation that follows records just what really changes.

    Signing in is no second entry into a segment.
    """
    share_definitions()
    run(
        "WITH gone AS (DELETE FROM segments_membership c "
        "  USING unnest(%(sources)b::uuid[], %(targets)b::uuid[]) AS m(source, target) "
        "  WHERE c.tenant_id = %(tenant)b AND c.person_id = m.source "
        "  RETURNING m.target, c.segment_id, c.version, c.is_member, c.valid_until, c.since), "
        "merged AS (SELECT target, segment_id, version, bool_or(is_member) AS is_member, "
        "  min(valid_until) AS valid_until, "
        "  coalesce(min(since) FILTER (WHERE is_member), max(since)) AS since FROM gone GROUP BY 1, 2, 3) "
        "INSERT INTO segments_membership AS t "
        "  (tenant_id, person_id, segment_id, version, is_member, valid_until, since) "
        "SELECT %(tenant)b, target, segment_id, version, is_member, valid_until, since FROM merged "
        "ON CONFLICT (tenant_id, person_id, segment_id, version) DO UPDATE SET "
        "  is_member = t.is_member OR excluded.is_member, "
        "  valid_until = least(t.valid_until, excluded.valid_until), "
        "  since = CASE WHEN t.is_member = excluded.is_member THEN least(t.since, excluded.since) "
        "               WHEN excluded.is_member THEN excluded.since ELSE t.since END",
        {"tenant": tenant_id, "sources": list(sources), "targets": list(targets)},
    )


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


def _erase_memberships(*, tenant_id: UUID, person_ids: Sequence[UUID]) -> None:
    share_definitions()
    DeleteRows(Membership)(tenant_id=tenant_id, person_ids=person_ids)


def register_rules() -> None:
    register(Membership, merge=_merge_memberships, erase=_erase_memberships)
    register(MembershipChange, merge=_merge_changes, erase=DeleteRows(MembershipChange))
