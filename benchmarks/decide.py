"""“What now?” over HTTP, asked of 50 campaigns and 15 segments, beside an empty view on the same server."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from benchmarks import audit, base, databases, definitions, installation
from benchmarks.base import Workspace
from benchmarks.client import Answer, post, rate_of, send_all
from benchmarks.figures import Figure, expect, percentile
from benchmarks.installation import Installation
from benchmarks.load import Item, app_item
from benchmarks.people import draw_busy, person_id_of, wire_ids
from benchmarks.scale import PEOPLE, note, scaled, tell
from benchmarks.urls import EMPTY
from campaigns.models import Campaign, Decision
from campaigns.parsing import EventTrigger, parse_trigger
from events.ingestion import ingest
from events.parsing import parse_batch
from segments.conditions.questions import People
from segments.definitions import load_definitions
from segments.draining import drain
from segments.membership import current_setting, evaluate
from tenants.scope import tenant_scope

PATH = "/v1/decide"
CONNECTIONS = 4
WARM, ASKED, TIMED = scaled(100, least=10), scaled(3000, least=100), scaled(2000, least=100)
CHECKED = 300
KINDS = {
    "decide": "nothing of theirs is live or undigested",
    "decide_offer": "each has just done something that campaigns listen to, digested meanwhile",
    "decide_dirty": "each has just done something that campaigns listen to, undigested",
}
LIMITED_BY = (
    "one web worker's Python: some statements one after the other, each with the driver's share, around them the web "
    "stack that the empty view has too"
)


@dataclass(frozen=True)
class _Asker:
    """Somebody who asks, and what they have just done."""

    number: int
    item: Item | None

    def body(self) -> bytes:
        triggers = [self.item["messageId"]] if self.item else []
        question = {**wire_ids(self.number), "triggers": triggers, "sessionId": "s1", "context": {"locale": "en-GB"}}
        return msgspec.json.encode(question)


def measure(kind: str) -> Iterator[Figure]:
    """Requests a second as fast as they are answered; then p99 at half of that rate."""
    with databases.clone(definitions.deciding(PEOPLE)):
        workspace = base.find_workspace()
        askers = _prepare(workspace, kind, WARM + ASKED + TIMED)
        questions = [post(PATH, asker.body(), key=workspace.write_key) for asker in askers]
        nothing = [post(EMPTY, asker.body(), key=workspace.write_key) for asker in askers]
        with installation.running("web") as running:
            tell(f"{len(askers):,} questions")
            asked = _ask(running, questions)
            empty = _ask(running, nothing, timed_a_second=asked.a_second / 2)
        _audit(workspace, askers, asked.answers)
    offers = sum(answer.document["decision"] is not None for answer in asked.answers)
    conditions = (
        f"{definitions.CAMPAIGNS} running campaigns, {definitions.DECIDE_SEGMENTS} segments, "
        f"{base.size_of_past(PEOPLE)}; {KINDS[kind]} ({offers / len(askers):.0%} get an offer); "
        f"one web worker, {CONNECTIONS} kept connections"
    )
    yield Figure(
        name=kind,
        value=round(asked.a_second, 1),
        unit="requests/s",
        reference="an empty DRF view on the same server",
        reference_value=round(empty.a_second, 1),
        conditions=f"{conditions}, as fast as they are answered{note()}",
        limited_by=LIMITED_BY,
        more={"processors_busy": asked.processors},
    )
    yield Figure(
        name=f"{kind}_p99",
        value=asked.p99,
        unit="ms",
        reference="the empty view at the same rate",
        reference_value=empty.p99,
        conditions=f"{conditions}, {asked.a_second / 2:,.0f} requests/s offered, from when each was due{note()}",
        limited_by=LIMITED_BY,
        more={"p50_ms": round(percentile([answer.ms for answer in asked.timed], 0.5), 1)},
    )


def measure_statements() -> Iterator[Figure]:
    counts: dict[str, list[int]] = {}
    with databases.clone(definitions.deciding(PEOPLE)):
        workspace = base.find_workspace()
        for is_small in (False, True):
            if is_small:
                with tenant_scope(workspace.tenant_id):  # one that listens to events and one to entries go on
                    kept = ("Campaign 1", "Campaign 2")
                    Campaign.objects.exclude(name__in=kept).update(status=Campaign.Status.ENDED)
            for kind in KINDS:
                first, second = _prepare(workspace, kind, 2)
                _count_statements(workspace, first)  # what a process keeps is read by whoever asks first
                counts.setdefault(kind, []).append(_count_statements(workspace, second))
    yield Figure(
        name="decide_statements",
        value=counts["decide"][0],
        unit="statements",
        reference="the same with two campaigns",
        reference_value=counts["decide"][1],
        conditions=f"a question without news, {definitions.CAMPAIGNS} campaigns, {definitions.DECIDE_SEGMENTS} "
        f"segments; the transaction's beginning and end are counted too{note()}",
        more={kind: {"statements": many, "with_two_campaigns": few} for kind, (many, few) in counts.items()},
    )


def _prepare(workspace: Workspace, kind: str, count: int) -> list[_Asker]:
    """Busy people, each once where they have done something: it is stored, and digested unless they are to be dirty."""
    dice, now = random.Random(count), datetime.now(UTC)
    if kind == "decide":
        return [_Asker(draw_busy(dice, workspace.people), None) for _ in range(count)]
    chosen: dict[int, None] = {}
    while len(chosen) < count:
        chosen[draw_busy(dice, workspace.people)] = None
    names = ("added_to_cart", "product_viewed", "purchased")
    askers = [_Asker(number, app_item(dice, wire_ids(number), at=now, name=dice.choice(names))) for number in chosen]
    for first in range(0, count, 1000):
        body = msgspec.json.encode({"batch": [asker.item for asker in askers[first : first + 1000]]})
        ingest(tenant_id=workspace.tenant_id, items=parse_batch(body, max_item_bytes=131_072).items)
    if kind == "decide_offer":
        drain(tenant_id=workspace.tenant_id)
    return askers


@dataclass(frozen=True)
class _Run:
    """The answers of all requests, and of those that came at a rate; how many a second came as fast as they could."""

    answers: list[Answer]
    timed: list[Answer]
    a_second: float
    processors: dict[str, float]

    @property
    def p99(self) -> float:
        return round(percentile([answer.ms for answer in self.timed], 0.99), 1)


def _ask(running: Installation, requests: Sequence[bytes], *, timed_a_second: float | None = None) -> _Run:
    """Some to warm up, some as fast as they are answered, the others at a rate, by default half of what that was."""
    warm = send_all(running.port, requests[:WARM], connections=CONNECTIONS)
    running.start_clock()
    fast = send_all(running.port, requests[WARM : WARM + ASKED], connections=CONNECTIONS)
    processors, a_second = running.processors(), rate_of(fast)
    rate = timed_a_second or a_second / 2
    timed = send_all(running.port, requests[WARM + ASKED :], connections=CONNECTIONS, a_second=rate)
    answers = [*warm, *fast, *timed]
    audit.all_taken(answers)
    return _Run(answers, timed, a_second, processors)


def _count_statements(workspace: Workspace, asker: _Asker) -> int:
    client = Client(headers={"host": "127.0.0.1", "authorization": f"Bearer {workspace.write_key}"})
    with CaptureQueriesContext(connection) as captured:
        response = client.post(PATH, asker.body(), content_type="application/json")
    expect(response.status_code == 200, f"the question was refused: {response.content!r}")
    return len(captured)


# --- the audit ------------------------------------------------------------------------------------------


def _audit(workspace: Workspace, askers: Sequence[_Asker], answers: Sequence[Answer]) -> None:
    """The ledger holds just what was answered, a sample of answers is the one by hand, nobody asked is out of date."""
    person_ids = [person_id_of(workspace.tenant_id, asker.number) for asker in askers]
    offered = sorted(
        person_id for person_id, answer in zip(person_ids, answers, strict=True) if answer.document["decision"]
    )
    with tenant_scope(workspace.tenant_id):
        reserved = sorted(Decision.objects.values_list("person_id", flat=True))
    expect(offered == reserved, f"{len(offered):,} offers were answered, {len(reserved):,} are in the ledger")
    dice = random.Random(len(answers))
    with tenant_scope(workspace.tenant_id):
        campaigns = list(Campaign.objects.filter(status=Campaign.Status.RUNNING))
        for place in dice.sample(range(len(askers)), min(CHECKED, len(askers))):
            if askers[place].item or answers[place].document["decision"]:
                _check(person_ids[place], askers[place].item, answers[place].document, campaigns)
    audit.memberships_exact(workspace.tenant_id, among=person_ids)


def _check(person_id: UUID, item: Item | None, document: Any, campaigns: Sequence[Campaign]) -> None:
    """The offer is the first campaign whose trigger and audience fit; only an entry into a segment may come before."""
    setting = current_setting(datetime.fromisoformat(document["server_time"]))
    standings = evaluate(load_definitions().live, scope=People([person_id]), setting=setting)
    member_of = {key.segment_id for _, key, is_member, _ in standings if is_member}
    order = sorted(campaigns, key=lambda campaign: (-campaign.priority, campaign.created_at, campaign.pk))
    fitting = [
        str(campaign.pk)
        for campaign in order
        if campaign.audience_id in member_of
        and (campaign.trigger["on"] == "segment_entry" or (item and _listens(campaign, item)))
    ]
    by_event = [
        str(campaign.pk) for campaign in order if str(campaign.pk) in fitting and campaign.trigger["on"] == "event"
    ]
    decision = document["decision"]
    answered = decision["campaign_id"] if decision else None
    wanted = by_event[0] if by_event else None
    is_entry = answered is not None and answered not in by_event
    allowed = answered == wanted or (
        is_entry and answered in fitting and (wanted is None or fitting.index(answered) < fitting.index(wanted))
    )
    expect(allowed, f"somebody was answered campaign {answered}; by hand it is {wanted}")


def _listens(campaign: Campaign, item: Item) -> bool:
    trigger = parse_trigger(campaign.trigger)
    price = campaign.trigger.get("where", [{"value": 0}])[0]["value"]
    return isinstance(trigger, EventTrigger) and item["event"] in trigger.names and item["properties"]["price"] > price
