"""Membership: evaluating people and storing what changed.

Whoever calls `refresh` holds the people's locks. The instant of evaluation is read after the lock, so answers about a
person are ordered as the locks were. `due` and `touched` people are found without locks and evaluated under them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from events.news import EVERYTHING
from segments.conditions.compiler import FAR, Key, compile_conditions
from segments.conditions.nodes import Node
from segments.conditions.questions import Everyone, People, Scope, Setting
from segments.definitions import ConditionSet, load_definitions, portions_of, share_definitions
from segments.models import MembershipChange
from tenants.scope import current_tenant_id
from tenants.statements import run

SHARES = 12
"""Statements at most for the parts of a batch's work, beside those for people who are evaluated in everything."""
FEW = 100
"""People up to whom a statement is planned once, for anybody."""


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


def refresh(*, person_ids: Sequence[UUID]) -> datetime:
    """Evaluate these locked people in what their news and the time may have changed, store what did, and mark them
    digested; returns the instant.
    """
    share_definitions()
    setting = current_setting()
    definitions = load_definitions()
    for conditions, reason, people in _work(definitions.all, person_ids=person_ids, setting=setting):
        store(conditions, live=definitions.live.keys(), person_ids=people, setting=setting, reason=reason)
    run(
        "UPDATE events_person SET touched_at = NULL, news = DEFAULT "
        "WHERE tenant_id = %(tenant)b AND person_id = ANY(%(people)b::uuid[]) AND touched_at IS NOT NULL",
        {"tenant": setting.tenant_id, "people": list(person_ids)},
    )
    return setting.now


def _work(
    conditions: ConditionSet, *, person_ids: Sequence[UUID], setting: Setting
) -> Iterator[tuple[ConditionSet, MembershipChange.Reason, list[UUID]]]:
    """Who is to be evaluated in what: a statement for each subject of their news, and for each condition that is due.

    Where these are many, the people of the rarest are evaluated in everything instead.
    """
    reasons = MembershipChange.Reason
    shares: dict[tuple[MembershipChange.Reason, str | Key], list[UUID]] = {}
    whole: dict[MembershipChange.Reason, list[UUID]] = {reasons.FACTS: [], reasons.TIME: []}
    values = {"tenant": setting.tenant_id, "people": list(person_ids), "now": setting.now}
    for person_id, subjects, segments, versions in run(_NEWS_AND_DUE, values):
        changed = conditions.by_subject.keys() & set(subjects)
        if EVERYTHING in subjects or sum(len(conditions.by_subject[subject]) for subject in changed) > len(conditions):
            whole[reasons.FACTS].append(person_id)
            continue
        for subject in changed:
            shares.setdefault((reasons.FACTS, subject), []).append(person_id)
        for key in map(Key, segments, versions):
            if key in conditions:
                shares.setdefault((reasons.TIME, key), []).append(person_id)
    frequent = sorted(shares, key=lambda share: len(shares[share]), reverse=True)
    for share in frequent[SHARES:]:
        whole[share[0]] += shares.pop(share)
    done = set[UUID]()
    for reason, people in whole.items():
        if wholly := set(people) - done:
            done |= wholly
            yield conditions, reason, sorted(wholly)
    for (reason, about), people in shares.items():
        if rest := [person_id for person_id in people if person_id not in done]:
            part = conditions.by_key[about] if isinstance(about, Key) else conditions.by_subject[about]
            yield part, reason, rest


_NEWS_AND_DUE = """
    SELECT p.person_id, CASE WHEN p.touched_at IS NULL THEN '{}' ELSE p.news END, d.segments, d.versions
    FROM events_person p CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(m.segment_id), '{}') AS segments, coalesce(array_agg(m.version), '{}') AS versions
        FROM segments_membership m
        WHERE m.tenant_id = %(tenant)b AND m.person_id = p.person_id AND m.valid_until <= %(now)b
    ) d
    WHERE p.tenant_id = %(tenant)b AND p.person_id = ANY(%(people)b::uuid[])
"""


def store(
    conditions: Mapping[Key, Node], *, live: Set[Key], person_ids: Sequence[UUID], setting: Setting, reason: str
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
        # Planning so large a statement anew takes longer than evaluating a few people.
        are_few = len(person_ids) <= FEW
        run(_PLAN, {"mode": "force_generic_plan" if are_few else "auto"})
        query.template.within(_STORE).run(values, plan_anew=not are_few)


def evaluate(
    conditions: Mapping[Key, Node], *, scope: Scope, setting: Setting
) -> list[tuple[UUID, Key, bool, datetime]]:
    """(person, key, is member, valid until) for everybody in scope; stores nothing, needs no lock."""
    answers = []
    for part in portions_of(conditions):
        query = compile_conditions(part, setting=setting, scope=scope)
        with _for_everybody(scope):
            rows = query.template.within("{query}").run(query.values, plan_anew=_is_large(scope))
        answers += [(who, Key(segment, version), member, until) for who, segment, version, member, until in rows]
    return answers


def count_members(node: Node) -> tuple[int, int]:
    """(members, people) of a condition that need not be saved, as of now."""
    query = compile_conditions({Key(UUID(int=0), 0): node}, setting=current_setting(), scope=Everyone())
    with _for_everybody(Everyone()):
        ((members, people),) = query.template.within(_COUNT).run(query.values, plan_anew=True)
    return members, people


def _is_large(scope: Scope) -> bool:
    return isinstance(scope, Everyone) or len(scope.person_ids) > FEW


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
    rows = run(
        "SELECT m.segment_id, m.is_member, m.valid_until, m.since FROM segments_membership m "
        "JOIN segments_segment s ON s.tenant_id = m.tenant_id AND s.id = m.segment_id AND s.live_version = m.version "
        "WHERE m.tenant_id = %(tenant)b AND m.person_id = %(person)b",
        {"tenant": current_tenant_id(), "person": person_id},
    )
    return {segment: Answer(member, until, since) for segment, member, until, since in rows}


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


_PLAN = "SELECT set_config('plan_cache_mode', %(mode)b::text, true)"
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
