"""The segments and campaigns of the benchmarks, and their memberships as a finished recomputation leaves them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import psycopg

from benchmarks import base, databases
from benchmarks.base import CATEGORIES, CITIES
from benchmarks.scale import tell
from campaigns.definitions import save_campaign, save_policy
from segments.conditions.compiler import FAR, compile_conditions
from segments.conditions.questions import People
from segments.definitions import load_definitions, save_segment
from segments.membership import current_setting
from tenants.scope import tenant_scope

LIVE_SEGMENTS, DECIDE_SEGMENTS, CAMPAIGNS = 100, 15, 50
CHUNK = 5_000
PROBE = "probe_reached"
"""What only a probe does: one of the live segments is whoever has done it."""
_DID = ("product_viewed", "product_liked", "added_to_cart", "purchased")
_WINDOWS = ("1d", "7d", "14d", "30d", "60d", "90d")


def live(people: int) -> str:
    """The template of a tenant with 100 live segments, the first of them the probes'."""
    conditions = [{"did": PROBE}, *(condition(number) for number in range(LIVE_SEGMENTS - 1))]
    return databases.template(f"live_{people}", lambda: define(conditions), parent=base.past(people))


def deciding(people: int) -> str:
    """The template of a tenant with 50 running campaigns that listen and look at 15 segments."""

    def build() -> None:
        define_campaigns(define([condition(number) for number in range(DECIDE_SEGMENTS)]), CAMPAIGNS)

    return databases.template(f"deciding_{people}", build, parent=base.past(people))


def condition(number: int) -> dict[str, Any]:
    """The condition of this number: each kind in turn, with names, windows, counts and values of its own."""
    turn = number // 6
    name, window = _DID[(number + turn) % 4], _WINDOWS[(number + turn) % 6]
    price = 10 + turn * 7
    did: dict[str, Any] = {
        "did": name,
        "where": [{"property": "price", "op": ">", "value": price}],
        "within": window,
    }
    kinds: list[dict[str, Any]] = [
        {"did": name, "where": [{"property": "category", "op": "=", "value": CATEGORIES[turn % 8]}], "within": window},
        {"did": ["page", name], "count": {"op": ">=", "value": 2 + turn}, "within": window},
        {
            "did": "added_to_cart",
            "where": [{"property": "price", "op": ">", "value": price}],
            "then_not": {"did": "purchased", "same": ["cart_id"]},
            "after": ("10m", "30m", "1h")[turn % 3],
            "for": "24h",
        },
        {"all": [{"trait": "plan", "op": "=", "value": "pro"}, did]},
        {"all": [did, {"not": {"did": "purchased", "within": "30d"}}]},
        {
            "all": [
                {"trait": "city", "op": "in", "value": [CITIES[turn % 10], CITIES[(turn + 3) % 10]]},
                {"any": [did, {"did": "help_opened", "within": window}]},
                {"did": "app_opened", "count": {"op": ">=", "value": 2}, "within": {"last": "30d", "before": "1d"}},
            ]
        },
    ]
    return kinds[number % 6]


def define(conditions: Sequence[dict[str, Any]], *, first: int = 0) -> list[UUID]:
    """Save segments, numbered from `first`, and put them in force; returns their ids."""
    workspace = base.find_workspace()
    with tenant_scope(workspace.tenant_id):
        segments = [
            save_segment(name=f"Segment {number}", condition=condition)[0].pk
            for number, condition in enumerate(conditions, first)
        ]
    compute(workspace.tenant_id)
    return segments


def compute(tenant_id: UUID) -> None:
    """Do on all cores what a recomputation does one chunk after the other; a measure's audit compares the outcome."""
    with tenant_scope(tenant_id):
        pending, setting = load_definitions().pending, current_setting()
    tell(f"memberships in {len(pending)} segments")

    def fill(person_ids: list[UUID]) -> int:
        query = compile_conditions(pending, setting=setting, scope=People(person_ids))
        with databases.connect_as_owner() as owner, psycopg.ClientCursor(owner) as cursor:
            cursor.execute("SET work_mem = '256MB'")
            cursor.execute("SET max_parallel_workers_per_gather = 0")
            cursor.execute(
                "INSERT INTO segments_membership"
                " (tenant_id, person_id, segment_id, version, is_member, valid_until, since)"
                " SELECT %(own_tenant)s, q.person_id, q.segment_id, q.version, q.is_member, q.valid_until, %(own_now)s"
                f" FROM ({query.sql}) q WHERE q.is_member OR q.valid_until < %(own_far)s",
                query.values | {"own_tenant": tenant_id, "own_now": setting.now, "own_far": FAR},
            )
            return cursor.rowcount

    with databases.connect_as_owner() as owner:
        rows = owner.execute("SELECT person_id FROM events_person WHERE tenant_id = %s ORDER BY person_id", [tenant_id])
        everybody = [row[0] for row in rows]
        chunks = [everybody[first : first + CHUNK] for first in range(0, len(everybody), CHUNK)]
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            tell(f"{sum(threads.map(fill, chunks)):,} rows")
        owner.execute(
            "UPDATE segments_segment SET live_version = version, computed_at = %s WHERE id = ANY(%s)",
            [setting.now, [key.segment_id for key in pending]],
        )
        owner.execute("DELETE FROM segments_recomputation WHERE tenant_id = %s", [tenant_id])


def define_campaigns(segments: Sequence[UUID], count: int) -> None:
    """Running campaigns: of five three listen to events, one to openings of the app, one to entries; with audiences."""
    with tenant_scope(base.find_workspace().tenant_id):
        save_policy(caps=[{"limit": 20, "window": "1d"}], gap_seconds=30)
        for number in range(count):
            save_campaign(changes=_campaign(number, segments))


def _campaign(number: int, segments: Sequence[UUID]) -> dict[str, Any]:
    event = {
        "on": "event",
        "event": ("added_to_cart", "product_viewed", "purchased")[number % 3],
        "where": [{"property": "price", "op": ">", "value": 10 + number % 7 * 20}],
    }
    entry = {"on": "segment_entry", "segment": str(segments[number % len(segments)])}
    return {
        "name": f"Campaign {number}",
        "status": "running",
        "trigger": {0: {"on": "app_open"}, 1: entry}.get(number % 5, event),
        "trigger_life_seconds": 3600,
        "audience": str(segments[number * 7 % len(segments)]),
        "priority": 1 + number * 37 % 100,
        "caps": [{"limit": 3, "window": "1d"}, {"limit": 10, "window": "lifetime"}],
        "message": {
            "template": "modal",
            "title": "Hello {{ traits.first_name | default: 'there' }}",
            "body": "{{ event.properties.product_id | default: 'Something' }} is waiting in {{ traits.city }}.",
            "buttons": [{"label": "Look", "action": "link", "url": "/p"}, {"label": "Later", "action": "dismiss"}],
        },
        "goal": {"event": "purchased", "within": "3d"},
        "control_share": 0.1,
    }
