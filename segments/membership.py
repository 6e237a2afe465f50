"""Membership: evaluating people and storing what changed.

Whoever calls `refresh` holds the people's locks. The instant of evaluation is read after the lock, so answers about a
person are ordered as the locks were. `due` and `touched` people are found without locks and evaluated under them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from segments.conditions.compiler import FAR, Key, compile_conditions
from segments.conditions.nodes import Node
from segments.conditions.questions import Everyone, People, Scope, Setting
from segments.definitions import load_definitions, portions_of, share_definitions
from segments.models import MembershipChange
from tenants.scope import current_tenant_id


@dataclass(frozen=True)
class Answer:
    """A stored membership."""

    is_member: bool
    valid_until: datetime
    since: datetime


def lock_people(person_ids: Sequence[UUID]) -> list[UUID]:
    """Lock these people in id order; returns those that exist and are not merged."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT person_id FROM events_person WHERE tenant_id = %s AND person_id = ANY(%s) AND merged_into IS NULL "
            "ORDER BY person_id FOR UPDATE",
            [current_tenant_id(), list(person_ids)],
        )
        return [row[0] for row in cursor.fetchall()]


def refresh(*, person_ids: Sequence[UUID], reason: str = MembershipChange.Reason.FACTS) -> datetime:
    """Evaluate every segment for these locked people, store what changed, mark them digested; returns the instant."""
    share_definitions()
    setting = current_setting()
    definitions = load_definitions()
    live = set(definitions.live)
    store(definitions.all, live=live, person_ids=person_ids, setting=setting, reason=reason)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE events_person SET touched_at = NULL "
            "WHERE tenant_id = %s AND person_id = ANY(%s) AND touched_at IS NOT NULL",
            [setting.tenant_id, list(person_ids)],
        )
    return setting.now


def store(
    conditions: Mapping[Key, Node], *, live: set[Key], person_ids: Sequence[UUID], setting: Setting, reason: str
) -> None:
    """Evaluate these conditions for the locked people and store the differences.

    Entries and exits are recorded for the live versions alone.
    """
    for part in portions_of(conditions):
        query = compile_conditions(part, setting=setting, scope=People(person_ids))
        values = query.values | {
            "tenant": setting.tenant_id,
            "people": list(person_ids),
            "now": setting.now,
            "far": FAR,
            "reason": reason,
            "segments": [key.segment_id for key in part],
            "versions": [key.version for key in part],
            "live": [key in live for key in part],
        }
        query.template.within(_STORE).run(values)


def evaluate(
    conditions: Mapping[Key, Node], *, scope: Scope, setting: Setting
) -> list[tuple[UUID, Key, bool, datetime]]:
    """(person, key, is member, valid until) for everybody in scope; stores nothing, needs no lock."""
    answers = []
    for part in portions_of(conditions):
        query = compile_conditions(part, setting=setting, scope=scope)
        with _for_everybody(scope):
            rows = query.template.within("{query}").run(query.values)
        answers += [(who, Key(segment, version), member, until) for who, segment, version, member, until in rows]
    return answers


def count_members(node: Node) -> tuple[int, int]:
    """(members, people) of a condition that need not be saved, as of now."""
    query = compile_conditions({Key(UUID(int=0), 0): node}, setting=current_setting(), scope=Everyone())
    with _for_everybody(Everyone()):
        ((members, people),) = query.template.within(_COUNT).run(query.values)
    return members, people


@contextmanager
def _for_everybody(scope: Scope) -> Iterator[None]:
    """Everybody's leaves are joined by hashing, by more than one process.

    A planner whose statistics do not know a new tenant expects one row, and would loop over all people for each.
    """
    if not isinstance(scope, Everyone):
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_nestloop = off; SET LOCAL max_parallel_workers_per_gather = 2")
        yield
        cursor.execute("SET LOCAL enable_nestloop = DEFAULT; SET LOCAL max_parallel_workers_per_gather = DEFAULT")


def memberships_of(*, person_id: UUID) -> dict[UUID, Answer]:
    """The stored rows of a person in the live versions (no row: not a member, never due by time)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT m.segment_id, m.is_member, m.valid_until, m.since FROM segments_membership m "
            "JOIN segments_segment s ON s.tenant_id = m.tenant_id AND s.id = m.segment_id "
            "AND s.live_version = m.version "
            "WHERE m.tenant_id = %s AND m.person_id = %s",
            [current_tenant_id(), person_id],
        )
        return {segment: Answer(member, until, since) for segment, member, until, since in cursor}


def due_or_touched(*, person_id: UUID) -> bool:
    """Whether the person's stored answers may be out of date."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM events_person WHERE tenant_id = %(t)s AND person_id = %(p)s"
            " AND touched_at IS NOT NULL) OR EXISTS (SELECT FROM segments_membership WHERE tenant_id = %(t)s"
            " AND person_id = %(p)s AND valid_until <= (SELECT tenants_clock()))",
            {"t": current_tenant_id(), "p": person_id},
        )
        return cursor.fetchone()[0]


def find_touched(*, limit: int) -> list[UUID]:
    """People with undigested facts, the longest waiting first; no locks."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT person_id FROM events_person WHERE tenant_id = %s AND touched_at IS NOT NULL "
            "ORDER BY touched_at LIMIT %s",
            [current_tenant_id(), limit],
        )
        return [row[0] for row in cursor.fetchall()]


def find_due(*, limit: int) -> list[UUID]:
    """People for whom time alone may have changed an answer, the longest due first; no locks."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT person_id FROM (SELECT m.person_id FROM segments_membership m "
            "JOIN segments_segment s ON s.tenant_id = m.tenant_id AND s.id = m.segment_id "
            "AND m.version IN (s.live_version, s.version) WHERE m.tenant_id = %s "
            "AND m.valid_until <= (SELECT tenants_clock()) AND m.valid_until < '9999-01-01T00:00:00Z' "
            "ORDER BY m.valid_until LIMIT %s) due",
            [current_tenant_id(), limit],
        )
        return [row[0] for row in cursor.fetchall()]


def current_setting(now: datetime | None = None) -> Setting:
    """The tenant's settings for evaluation as of `now`, by default its clock."""
    tenant_id = current_tenant_id()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT time_zone, retention_days, tenants_clock() FROM tenants_tenant WHERE id = %s", [tenant_id]
        )
        zone, days, clock = cursor.fetchone()
    retention = timedelta(days=days) if days else None
    return Setting(tenant_id=tenant_id, now=now or clock, zone=ZoneInfo(zone), retention=retention)


_COUNT = "SELECT count(*) FILTER (WHERE is_member), count(*) FROM ({query}) c"
# A membership's `since` moves only when its answer does. Non-members whom time cannot change have no row.
_STORE = """
WITH keys AS (
    SELECT * FROM unnest(%(segments)s::uuid[], %(versions)s::integer[], %(live)s::boolean[])
        AS k(segment_id, version, is_live)
), fresh AS MATERIALIZED (
    SELECT * FROM ({query}) q WHERE q.is_member OR q.valid_until < %(far)s
), stored AS MATERIALIZED (
    SELECT m.person_id, m.segment_id, m.version, m.is_member, m.valid_until
    FROM segments_membership m JOIN keys k USING (segment_id, version)
    WHERE m.tenant_id = %(tenant)s AND m.person_id = ANY(%(people)s::uuid[])
), difference AS MATERIALIZED (
    SELECT person_id, segment_id, version, k.is_live,
           f.is_member AS is_member, f.valid_until, s.is_member AS was_member
    FROM fresh f FULL JOIN stored s USING (person_id, segment_id, version) JOIN keys k USING (segment_id, version)
    WHERE (f.is_member, f.valid_until) IS DISTINCT FROM (s.is_member, s.valid_until)
), gone AS (
    DELETE FROM segments_membership m USING difference d
    WHERE d.is_member IS NULL AND m.tenant_id = %(tenant)s AND m.person_id = d.person_id
      AND m.segment_id = d.segment_id AND m.version = d.version
), kept AS (
    INSERT INTO segments_membership AS m (tenant_id, person_id, segment_id, version, is_member, valid_until, since)
    SELECT %(tenant)s, person_id, segment_id, version, is_member, valid_until, %(now)s
    FROM difference WHERE is_member IS NOT NULL ORDER BY person_id, segment_id, version
    ON CONFLICT (tenant_id, person_id, segment_id, version) DO UPDATE SET
        is_member = excluded.is_member, valid_until = excluded.valid_until,
        since = CASE WHEN m.is_member = excluded.is_member THEN m.since ELSE excluded.since END
)
INSERT INTO segments_membershipchange (tenant_id, person_id, segment_id, changed_at, entered, reason)
SELECT %(tenant)s, person_id, segment_id, %(now)s, coalesce(is_member, FALSE), %(reason)s
FROM difference WHERE is_live AND coalesce(is_member, FALSE) <> coalesce(was_member, FALSE)
"""
