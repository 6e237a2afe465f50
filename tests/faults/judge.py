"""After the faults: what the clients remember against what is stored, counted without the product's own code."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import psycopg

from tests.faults.clients import Record, signs_in_anew
from tests.faults.workspaces import Workspace, campaigns, policy
from tests.oracle import facts
from tests.oracle.evaluate import is_member

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True)
class Verdict:
    """What was compared, and every contradiction."""

    figures: dict[str, int]
    contradictions: list[str]


def judge(connection: psycopg.Connection, *, record: Record, workspaces: Sequence[Workspace]) -> Verdict:
    """Events, traits, exposures, arms, caps and memberships."""
    figures: dict[str, int] = {}
    found: list[str] = []
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        found += _events(connection, record, figures)
        found += _traits(connection, record, figures)
        found += _exposures(connection, record, figures)
        found += _arms(record, figures)
        for workspace in workspaces:
            found += _caps(connection, workspace, figures)
            found += _memberships(connection, workspace, figures)
    return Verdict(figures, found)


def _events(connection: psycopg.Connection, record: Record, figures: dict[str, int]) -> list[str]:
    """Everything that was answered 200 is stored once, as it was sent, as the right person's; and nothing else."""
    rows = connection.execute(
        "SELECT e.message_id, e.tenant_id::text, e.name, (e.properties ->> 'number')::int, p.identifier_kind, "
        "p.identifier FROM events_event e "
        "LEFT JOIN events_person p ON p.tenant_id = e.tenant_id AND p.person_id = e.person_id"
    ).fetchall()
    copies = Counter(row[0] for row in rows)
    stored = {row[0]: row[1:] for row in rows}
    figures["events_compared"] = len(record.events)
    figures["events_stored"] = len(rows)
    found = [f"event {message} is stored {count} times" for message, count in copies.items() if count > 1]
    found += [f"event {message} was never sent" for message in stored.keys() - record.events.keys()]
    for message, sent in record.events.items():
        user = sent.user or record.links.get((sent.tenant, sent.anonymous or ""))
        whose = ("user_id", user) if user else ("anonymous_id", sent.anonymous)
        expected = (sent.tenant, sent.name, sent.number, *whose)
        if stored.get(message) != expected:
            found.append(f"event {message} should be {expected} and is {stored.get(message)}")
    return found


def _traits(connection: psycopg.Connection, record: Record, figures: dict[str, int]) -> list[str]:
    rows = connection.execute(
        "SELECT tenant_id::text, identifier, (traits ->> 'level')::int FROM events_person "
        "WHERE merged_into IS NULL AND traits ? 'level'"
    )
    stored = {(tenant, identifier): level for tenant, identifier, level in rows}
    figures["traits_compared"] = len(record.levels)
    return [
        f"the level of {person} should be {record.levels.get(person)} and is {stored.get(person)}"
        for person in stored.keys() | record.levels.keys()
        if stored.get(person) != record.levels.get(person)
    ]


def _exposures(connection: psycopg.Connection, record: Record, figures: dict[str, int]) -> list[str]:
    """Every acknowledged exposure is in the ledger, and no other."""
    rows = connection.execute("SELECT exposure_id FROM campaigns_decision WHERE exposed_at IS NOT NULL").fetchall()
    stored = Counter(row[0] for row in rows)
    figures["exposures_compared"] = len(record.exposures)
    figures["decisions_given"] = len(record.decisions)
    found = [f"exposure {exposure} is not in the ledger" for exposure in record.exposures.keys() - stored.keys()]
    found += [f"exposure {exposure} was not acknowledged" for exposure in stored.keys() - record.exposures.keys()]
    return found + [f"exposure {exposure} stands {count} times" for exposure, count in stored.items() if count > 1]


def _arms(record: Record, figures: dict[str, int]) -> list[str]:
    """One arm and variant a person and campaign, whatever died in between."""
    arms = defaultdict(set)
    for given in record.decisions.values():
        arms[given.tenant, given.user, given.campaign].add((given.arm, given.variant))
    figures["assignments_compared"] = len(arms)
    return [f"{who} was in {found}" for who, found in arms.items() if len(found) > 1 and not signs_in_anew(who[1])]


def _caps(connection: psycopg.Connection, workspace: Workspace, figures: dict[str, int]) -> list[str]:
    rows = connection.execute(
        "SELECT p.identifier, d.campaign_id::text, d.session_id, d.exposed_at FROM campaigns_decision d "
        "JOIN events_person p ON p.tenant_id = d.tenant_id AND p.person_id = d.person_id "
        "WHERE d.tenant_id = %s AND d.exposed_at IS NOT NULL ORDER BY d.exposed_at",
        [workspace.tenant],
    ).fetchall()
    by_person: dict[str, list[tuple[str, str, datetime]]] = defaultdict(list)
    for identifier, campaign, session, at in rows:
        if not signs_in_anew(identifier):
            by_person[identifier].append((campaign, session, at))
    definitions, limits_of_all = campaigns(workspace.segments), policy(workspace.gap_seconds)
    found = []
    for person, exposures in by_person.items():
        limits = [(limits_of_all["caps"], exposures, "the policy")] + [
            (definitions[name]["caps"], [e for e in exposures if e[0] == campaign], name)
            for name, campaign in workspace.campaigns.items()
        ]
        for caps, counted, whose in limits:
            for cap in caps:
                figures["caps_counted"] = figures.get("caps_counted", 0) + 1
                most = _most(cap["window"], [(session, at) for _, session, at in counted])
                if most > cap["limit"]:
                    found.append(f"{person} saw {most} messages of {whose}, whose cap is {cap}")
        times = [at for _, _, at in exposures]
        gaps = [later - former for former, later in pairwise(times)]
        if min(gaps, default=timedelta.max) < timedelta(seconds=workspace.gap_seconds):
            found.append(f"{person} saw two messages {min(gaps)} apart")
    return found


def _most(window: str, exposures: list[tuple[str, datetime]]) -> int:
    """The most exposures in any window, sorted by time."""
    if window == "session":
        return max(Counter(session for session, _ in exposures).values(), default=0)
    times = [at for _, at in exposures]
    if window == "lifetime":
        return len(times)
    match = re.fullmatch(r"(\d+)([smhd])", window)
    assert match
    length = timedelta(**{_UNITS[match[2]]: int(match[1])})
    # The window ending at each exposure is open at its old end.
    return max((end + 1 - bisect_right(times, at - length) for end, at in enumerate(times)), default=0)


def _memberships(connection: psycopg.Connection, workspace: Workspace, figures: dict[str, int]) -> list[str]:
    """Every stored answer against the naive evaluator of the specification."""
    (now,) = _one(connection, "SELECT clock_timestamp()")
    conditions = dict(
        connection.execute(
            "SELECT s.id::text, v.condition FROM segments_segment s JOIN segments_segmentversion v "
            "ON v.segment_id = s.id AND v.version = s.live_version WHERE s.tenant_id = %s",
            [workspace.tenant],
        ).fetchall()
    )
    stored = {
        (person_id, segment): (member, until)
        for person_id, segment, member, until in connection.execute(
            "SELECT m.person_id, m.segment_id::text, m.is_member, m.valid_until FROM segments_membership m "
            "JOIN segments_segment s ON s.id = m.segment_id AND s.live_version = m.version WHERE m.tenant_id = %s",
            [workspace.tenant],
        ).fetchall()
    }
    world = facts.World(segments=conditions)
    found = []
    for person_id, person in _people(connection, workspace.tenant):
        for segment, condition in conditions.items():
            member, until = stored.get((person_id, segment), (False, None))
            if until is not None and until <= now:
                continue  # it has come due this very moment
            figures["memberships_judged"] = figures.get("memberships_judged", 0) + 1
            right = is_member(condition=condition, person=person, world=world, now=now)
            if right != member:
                found.append(f"person {person_id} should {'' if right else 'not '}be a member of {condition}")
    return found


def _people(connection: psycopg.Connection, tenant: str) -> Iterable[tuple[Any, facts.Person]]:
    events: dict[Any, list[facts.Event]] = defaultdict(list)
    for person_id, name, at, message, properties in connection.execute(
        "SELECT person_id, name, occurred_at, message_id, properties FROM events_event WHERE tenant_id = %s", [tenant]
    ):
        events[person_id].append(facts.Event(name=name, occurred_at=at, message_id=message, properties=properties))
    for person_id, traits in connection.execute(
        "SELECT person_id, traits FROM events_person WHERE tenant_id = %s AND merged_into IS NULL", [tenant]
    ).fetchall():
        yield person_id, facts.Person(traits=traits, events=tuple(events[person_id]))


def _one(connection: psycopg.Connection, sql: str) -> Any:
    return connection.execute(sql).fetchone()
