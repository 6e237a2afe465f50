"""The audit of memberships: people are locked, evaluated anew and compared with what is stored; nothing is changed.

Evaluation is as of one instant read after the lock, as in `membership`. Left out is what the workers have not got to
yet: people with undigested facts, answers that have come due, segments that are being computed anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction

from segments.conditions.compiler import FAR, compile_conditions
from segments.conditions.questions import People
from segments.definitions import load_definitions, portions_of, share_definitions
from segments.membership import current_setting
from segments.models import Segment
from tenants.auditing import Account, Finding, Kind, fetch_rows, findings_in, snapshot, tallies
from tenants.scope import current_tenant_id, tenant_scope

CHUNK = 500
LONGEST_LAG = timedelta(minutes=1)
"""Work that waits longer is not being done: sweeps come every second."""
LONGEST_RUN = timedelta(hours=6)
_ATTEMPTS = 3


def audit_memberships(
    *, tenant_id: UUID, first: UUID, limit: int | None, tell: Callable[[int], object] = lambda people: None
) -> Account:
    """Compare so many people in id order from `first` on (and round); None: everybody. Ids are hashes: a fair sample.

    `tell` is called with the number of people done, chunk by chunk.
    """
    tally = _Tally()
    for person_ids in _chunks(tenant_id, first, limit):
        tally.add(_compare_patiently(tenant_id, person_ids))
        tell(len(person_ids))
    with snapshot(tenant_id) as cursor:
        names = dict(Segment.objects.order_by().values_list("pk", "name"))
        cursor.execute(_STRAYS, {"tenant": tenant_id})
        (strays,) = fetch_rows(cursor)
    return Account(
        {"people_compared": tally.people, "memberships_compared": tally.compared, "changes_read": tally.changes},
        [*tally.findings(names), *findings_in(strays, room="segments", kinds=_ORPHANS)],
    )


def audit_work(*, tenant_id: UUID) -> Account:
    """What waits: news, answers that came due, computations of new definitions."""
    with snapshot(tenant_id) as cursor:
        cursor.execute(_WORK, {"tenant": tenant_id})
        (waiting,) = fetch_rows(cursor)
    ages = {name: seconds for name, seconds in waiting.items() if name.endswith("_seconds")}
    return Account(
        waiting | {name: round(seconds, 1) for name, seconds in ages.items()},
        [
            Finding(f"segments.{name.removesuffix('_seconds')}", int(ages[name] > limit.total_seconds()), text)
            for name, (limit, text) in _LIMITS.items()
        ],
    )


@dataclass(frozen=True)
class _Chunk:
    """How many people were compared, and what was counted by segment."""

    people: int
    answers: list[dict[str, Any]]
    history: list[dict[str, Any]]


@dataclass
class _Tally:
    """What the chunks have in common: findings of one kind and segment are one finding."""

    people: int = 0
    compared: int = 0
    changes: int = 0
    found: dict[tuple[UUID, str], Finding] = field(default_factory=dict)

    def add(self, chunk: _Chunk) -> None:
        self.people += chunk.people
        self.compared += sum(row["compared"] for row in chunk.answers)
        self.changes += sum(row["changes"] for row in chunk.history)
        for rows, kinds in ((chunk.answers, _ANSWERS), (chunk.history, _HISTORY)):
            for row in rows:
                for finding in findings_in(row, room="segments", kinds=kinds):
                    key = (row["segment_id"], finding.code)
                    former = self.found.get(key, replace(finding, count=0))
                    self.found[key] = replace(
                        former, count=former.count + finding.count, example=former.example or finding.example
                    )

    def findings(self, names: dict[UUID, str]) -> list[Finding]:
        return [
            replace(finding, text=f"{finding.text} (segment “{names.get(segment_id, segment_id)}”)")
            for (segment_id, _), finding in self.found.items()
        ]


def _chunks(tenant_id: UUID, first: UUID, limit: int | None) -> Iterator[list[UUID]]:
    """People's ids from `first` on, then those before it."""
    left = limit
    for low, high in ((first, None), (UUID(int=0), first)):
        after = low
        while left is None or left > 0:
            with tenant_scope(tenant_id), connection.cursor() as cursor:
                cursor.execute(
                    "SELECT person_id FROM events_person WHERE tenant_id = %s AND merged_into IS NULL "
                    "AND person_id >= %s AND (%s::uuid IS NULL OR person_id < %s::uuid) ORDER BY person_id LIMIT %s",
                    [tenant_id, after, high, high, CHUNK if left is None else min(CHUNK, left)],
                )
                person_ids = [row[0] for row in cursor.fetchall()]
            if not person_ids:
                break
            yield person_ids
            after = UUID(int=person_ids[-1].int + 1)
            left = None if left is None else left - len(person_ids)


def _compare_patiently(tenant_id: UUID, person_ids: Sequence[UUID]) -> _Chunk:
    """Others may hold these people for longer than a lock is waited for: then it is tried again."""
    for attempt in range(_ATTEMPTS):
        try:
            with tenant_scope(tenant_id):
                chunk = _compare(person_ids)
                transaction.set_rollback(True)
                return chunk
        except OperationalError:
            if attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def _compare(person_ids: Sequence[UUID]) -> _Chunk:
    """Under the protocol of every writer: lock, then the definitions, then the instant."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT person_id FROM events_person WHERE tenant_id = %s AND person_id = ANY(%s) "
            "AND merged_into IS NULL AND touched_at IS NULL ORDER BY person_id FOR UPDATE",
            [current_tenant_id(), list(person_ids)],
        )
        people = [row[0] for row in cursor.fetchall()]
        share_definitions()
        setting = current_setting()
        values: dict[str, Any] = {"tenant": setting.tenant_id, "people": people, "now": setting.now, "far": FAR}
        answers = []
        for part in portions_of(load_definitions().settled):
            query = compile_conditions(part, setting=setting, scope=People(people))
            keys = {"segments": [key.segment_id for key in part], "versions": [key.version for key in part]}
            cursor.execute(_COMPARE.format(query=query.sql), query.values | values | keys)
            answers += fetch_rows(cursor)
        cursor.execute(_CHANGES, values)
        return _Chunk(len(people), answers, fetch_rows(cursor))


_ANSWERS = {
    "absent": Kind(
        "f.is_member AND NOT coalesce(s.is_member, FALSE)", "members by their facts who are not stored as such"
    ),
    "surplus": Kind(
        "NOT f.is_member AND coalesce(s.is_member, FALSE)", "people stored as members who are not by their facts"
    ),
    "late": Kind(
        "f.is_member = coalesce(s.is_member, FALSE) AND f.valid_until < coalesce(s.valid_until, %(far)s)",
        "answers that may change before anybody looks at them again",
    ),
}
_COMPARE = f"""
WITH keys AS (
    SELECT * FROM unnest(%(segments)s::uuid[], %(versions)s::integer[]) AS k(segment_id, version)
), f AS MATERIALIZED ({{query}}), s AS MATERIALIZED (
    SELECT m.person_id, m.segment_id, m.version, m.is_member, m.valid_until
    FROM segments_membership m JOIN keys k USING (segment_id, version)
    WHERE m.tenant_id = %(tenant)s AND m.person_id = ANY(%(people)s::uuid[])
)
SELECT f.segment_id, count(*) AS compared, {tallies(_ANSWERS, example="f.person_id")}
FROM f LEFT JOIN s USING (person_id, segment_id, version)
WHERE coalesce(s.valid_until, %(far)s) > %(now)s GROUP BY f.segment_id
"""
_HISTORY = {
    "repeated": Kind("c.former = c.entered", "entries without an exit between them, or exits without an entry"),
    "contradicted": Kind(
        "is_last AND coalesce(c.entered, FALSE) <> (m.segment_id IS NOT NULL)"
        " AND (c.entered IS NOT NULL OR m.merged_at IS NULL)",
        "people whose last entry or exit says otherwise than their membership",
    ),
}
# A merge joins two histories, which then need not alternate: what came after it must. Before the first entry nobody
# was in, so that the first change of somebody never merged is an entry.
_CHANGES = f"""
WITH g AS (
    SELECT merged_into AS person_id, max(merged_at) AS merged_at FROM events_person
    WHERE tenant_id = %(tenant)s AND merged_into = ANY(%(people)s::uuid[]) GROUP BY merged_into
), m AS (
    SELECT m.person_id, m.segment_id, TRUE AS is_last, g.merged_at FROM segments_membership m
    JOIN segments_segment s ON s.tenant_id = %(tenant)s AND s.id = m.segment_id AND s.live_version = m.version
    LEFT JOIN g USING (person_id)
    WHERE m.tenant_id = %(tenant)s AND m.person_id = ANY(%(people)s::uuid[]) AND m.is_member
), c AS (
    SELECT h.person_id, h.segment_id, h.entered,
           lag(h.entered, 1, CASE WHEN g.merged_at IS NULL THEN FALSE END) OVER history AS former,
           lead(h.entered) OVER history IS NULL AS is_last
    FROM segments_membershipchange h LEFT JOIN g USING (person_id)
    WHERE h.tenant_id = %(tenant)s AND h.person_id = ANY(%(people)s::uuid[])
      AND (g.merged_at IS NULL OR h.changed_at > g.merged_at)
    WINDOW history AS (PARTITION BY h.person_id, h.segment_id ORDER BY h.changed_at)
)
SELECT segment_id, count(c.entered) AS changes, {tallies(_HISTORY, example="person_id")}
FROM c FULL JOIN m USING (person_id, segment_id, is_last) GROUP BY segment_id
"""
_ORPHANS = {
    "orphan": Kind(
        "p.person_id IS NULL OR s.id IS NULL", "memberships of nobody, or in what is neither in force nor computed"
    )
}
_STRAYS = f"""
SELECT {tallies(_ORPHANS, example="m.person_id")} FROM segments_membership m
LEFT JOIN events_person p ON p.tenant_id = %(tenant)s AND p.person_id = m.person_id AND p.merged_into IS NULL
LEFT JOIN segments_segment s ON s.tenant_id = %(tenant)s AND s.id = m.segment_id
     AND m.version IN (s.live_version, s.version)
WHERE m.tenant_id = %(tenant)s
"""
_LIMITS = {
    "outbox_lag_seconds": (LONGEST_LAG, "news that waits too long: the worker of the live queue does not run"),
    "due_lag_seconds": (LONGEST_LAG, "answers overdue for too long: scheduler or live worker does not run"),
    "computation_seconds": (LONGEST_RUN, "a definition computed for too long: the worker of its queue does not run"),
}
_WORK = """
SELECT * FROM
    (SELECT count(*) AS undigested_people,
            coalesce(extract(epoch FROM max(clock_timestamp() - touched_at)), 0)::float8 AS outbox_lag_seconds
     FROM events_person WHERE tenant_id = %(tenant)s AND touched_at IS NOT NULL) touched,
    (SELECT count(*) AS due_answers,
            coalesce(extract(epoch FROM max((SELECT tenants_clock()) - valid_until)), 0)::float8 AS due_lag_seconds
     FROM segments_membership WHERE tenant_id = %(tenant)s AND valid_until <= (SELECT tenants_clock())
       AND valid_until < '9999-01-01T00:00:00Z') due,
    (SELECT count(*) AS computations,
            coalesce(extract(epoch FROM max(clock_timestamp() - started_at)), 0)::float8 AS computation_seconds
     FROM segments_recomputation WHERE tenant_id = %(tenant)s) runs
"""
