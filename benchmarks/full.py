"""One count condition for everybody, beside hand-written SQL for the same answer."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from django.db import connection

from benchmarks import base, databases
from benchmarks.figures import Figure, expect
from benchmarks.scale import PEOPLE, note, tell
from segments.conditions.compiler import FAR, Key
from segments.conditions.parsing import parse_condition
from segments.conditions.questions import Everyone
from segments.membership import current_setting, evaluate
from tenants.scope import tenant_scope

RUNS = 5
CONDITION = {
    "did": "product_viewed",
    "where": [{"property": "price", "op": ">", "value": 50}],
    "count": {"op": ">=", "value": 3},
    "within": "90d",
}
_ANSWER = """
    SELECT p.person_id, coalesce(e.times, 0) >= 3, coalesce(e.third + interval '90 days', %(far)s)
    FROM events_person p LEFT JOIN (
        SELECT person_id, count(*) AS times, (array_agg(occurred_at ORDER BY occurred_at DESC))[3] AS third
        FROM events_event WHERE tenant_id = %(tenant)s AND name = 'product_viewed'
          AND occurred_at > %(now)s - interval '90 days' AND occurred_at <= %(now)s
          AND (properties->>'price')::numeric > 50
        GROUP BY person_id
    ) e ON e.person_id = p.person_id
    WHERE p.tenant_id = %(tenant)s AND p.merged_into IS NULL
"""
_MEMBERS = """
    SELECT person_id FROM events_event WHERE tenant_id = %(tenant)s AND name = 'product_viewed'
      AND occurred_at > %(now)s - interval '90 days' AND occurred_at <= %(now)s
      AND (properties->>'price')::numeric > 50
    GROUP BY person_id HAVING count(*) >= 3
"""


def measure() -> Iterator[Figure]:
    node = parse_condition(CONDITION)
    with databases.clone(base.past(PEOPLE)):
        workspace = base.find_workspace()
        with tenant_scope(workspace.tenant_id):
            setting = current_setting()
            values = {"tenant": workspace.tenant_id, "now": setting.now, "far": FAR}

            def by_hand(sql: str) -> Callable[[], list[tuple[Any, ...]]]:
                def run() -> list[tuple[Any, ...]]:
                    with connection.cursor() as cursor:
                        cursor.execute(sql, values)
                        return cursor.fetchall()

                return run

            def compiled() -> list[tuple[UUID, Key, bool, Any]]:
                return evaluate({Key(uuid.uuid4(), 1): node}, scope=Everyone(), setting=setting)

            tell("everybody, compiled and by hand")
            ours, answers = best_of(compiled)
            theirs, rows = best_of(by_hand(_ANSWER))
            members_only, members = best_of(by_hand(_MEMBERS))
        answer = {(person_id, is_member, until) for person_id, _, is_member, until in answers}
        expect(answer == set(rows), f"{len(answer ^ set(rows)):,} answers differ from those of the SQL by hand")
        expect(
            {person_id for person_id, is_member, _ in answer if is_member} == {row[0] for row in members},
            "the members differ from those of the shorter SQL by hand",
        )
    yield Figure(
        name="full",
        value=round(ours * 1000, 1),
        unit="ms",
        reference="hand-written SQL for the same answer: every person, member or not, until when",
        reference_value=round(theirs * 1000, 1),
        conditions=f"3 or more views over 50 within 90 days, for everybody; {base.size_of_past(PEOPLE)}; as the "
        f"application's role, the answer fetched, "
        f"best of {RUNS}{note()}",
        limited_by="reading and filtering the window's events, once each in both",
        more={"members": len(members), "reference_members_only": round(members_only * 1000, 1)},
    )


def best_of(work: Callable[[], Any], times: int = RUNS) -> tuple[float, Any]:
    """Seconds of the fastest run, and what it returned."""
    seconds, result = [], None
    for _ in range(times):
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
    return min(seconds), result
