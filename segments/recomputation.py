"""Bringing a new definition into force: everybody is evaluated in chunks, then all pending versions swap at once.

The run's row is its lock and its memory: chunks of one tenant never overlap, and a crash resumes at the cursor. While
it lasts, whoever evaluates a person evaluates the pending versions too, so nobody done is ever out of date.
"""

from __future__ import annotations

from uuid import UUID

from django.db import connection

from segments.definitions import hold_definitions, load_definitions, share_definitions
from segments.membership import current_setting, store
from segments.models import MembershipChange, Recomputation, Segment
from tenants.clock import read_clock
from tenants.scope import current_tenant_id, tenant_scope

CHUNK = 2000


def advance_recomputation(*, tenant_id: UUID) -> bool:
    """Do one chunk, or the swap when everybody is done; opens its own scope; False: nothing is left to do."""
    with tenant_scope(tenant_id):
        run = Recomputation.objects.select_for_update(skip_locked=True).first()
        if run is None:
            return False
        person_ids = _lock_chunk(run.cursor)
        if not person_ids:
            _swap(run)
            return False
        share_definitions()
        store(
            load_definitions().pending,
            live=set(),
            person_ids=person_ids,
            setting=current_setting(),
            reason=MembershipChange.Reason.DEFINITION,
        )
        run.cursor = person_ids[-1]
        run.save(update_fields=["cursor"])
        return True


def _lock_chunk(cursor: UUID | None) -> list[UUID]:
    """Lock the next people in id order. A newcomer among them is left to whoever digests them: both versions, then."""
    with connection.cursor() as db:
        db.execute(
            "SELECT person_id FROM events_person WHERE tenant_id = %s AND (%s::uuid IS NULL OR person_id > %s::uuid) "
            "AND merged_into IS NULL ORDER BY person_id LIMIT %s FOR UPDATE",
            [current_tenant_id(), cursor, cursor, CHUNK],
        )
        return [row[0] for row in db.fetchall()]


def _swap(run: Recomputation) -> None:
    """Put the computed versions in force and record who entered and left by it; writers wait meanwhile."""
    hold_definitions()
    with connection.cursor() as cursor:
        for segment in Segment.objects.select_for_update().filter(pk__in=list(run.versions)):
            version = run.versions[str(segment.pk)]
            values = {
                "tenant": run.tenant_id, "segment": segment.pk, "old": segment.live_version, "new": version,
                "reason": MembershipChange.Reason.DEFINITION,
            }  # fmt: skip
            cursor.execute(_RECORD_SWAP, values)
            cursor.execute(
                "DELETE FROM segments_membership WHERE tenant_id = %(tenant)s AND segment_id = %(segment)s "
                "AND version <> %(new)s",
                values,
            )
            segment.live_version, segment.computed_at = version, read_clock()
            segment.save(update_fields=["live_version", "computed_at"])
    run.delete()


# A member under both definitions has been one since the earlier day.
_RECORD_SWAP = """
WITH old AS (
    SELECT person_id, since FROM segments_membership
    WHERE tenant_id = %(tenant)s AND segment_id = %(segment)s AND version = %(old)s AND is_member
), new AS (
    SELECT person_id FROM segments_membership
    WHERE tenant_id = %(tenant)s AND segment_id = %(segment)s AND version = %(new)s AND is_member
), carried AS (
    UPDATE segments_membership m SET since = old.since FROM old
    WHERE m.tenant_id = %(tenant)s AND m.segment_id = %(segment)s AND m.version = %(new)s AND m.is_member
      AND m.person_id = old.person_id
)
INSERT INTO segments_membershipchange (tenant_id, person_id, segment_id, changed_at, entered, reason)
SELECT %(tenant)s, coalesce(new.person_id, old.person_id), %(segment)s, (SELECT tenants_clock()),
       new.person_id IS NOT NULL, %(reason)s
FROM old FULL JOIN new USING (person_id) WHERE old.person_id IS NULL OR new.person_id IS NULL
"""
