"""Many devices, campaigns and windows at once, with crashes and merges in between, judged by a naive count."""

from __future__ import annotations

import itertools
import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, TypeAlias

import pytest
from django.db import connection, connections
from django.test import Client

from campaigns import decide
from campaigns.attribution import attribute
from campaigns.handles import unseal
from campaigns.models import Campaign, Decision
from events.models import Person
from segments.clock import advance_clock
from tenants.clock import read_clock
from tests.campaigns.cast import Device, make_campaign, set_policy
from tests.concurrency import CRASH, at_once
from tests.conftest import Company
from tests.oracle.ledger import Merge, Row, Window, arm_of, count_at, known_as, most_at_once
from tests.traces import misplaced_rows

pytestmark = pytest.mark.django_db(transaction=True)
Caps: TypeAlias = list[tuple[int, str]]
Act: TypeAlias = Callable[[random.Random, Device], None]
WINDOWS: dict[str, Window] = {
    "10m": timedelta(minutes=10), "30m": timedelta(minutes=30), "1h": timedelta(hours=1), "1d": timedelta(days=1),
    "session": "session", "lifetime": "lifetime",
}  # fmt: skip
POLICY: Caps = [(4, "30m"), (3, "session")]
CAMPAIGNS: dict[str, tuple[int, float, Caps]] = {
    "pushy": (90, 0.5, [(2, "10m"), (5, "1d")]),
    "shy": (80, 0.5, [(1, "1h")]),
    "rare": (70, 0, [(3, "lifetime")]),
    "plain": (60, 0.5, []),
}
"""Priority, control share, caps."""
STEPS = [timedelta(seconds=30), timedelta(minutes=4), timedelta(minutes=11), timedelta(minutes=40)]
NEVER = datetime.max.replace(tzinfo=UTC)
HOW_LONG = pytest.mark.parametrize("questions", [300, pytest.param(4000, marks=pytest.mark.proof)])


@pytest.fixture
def lab(acme: Company) -> Company:
    """Acme with a clock that can be moved, and campaigns of every kind of cap."""
    with acme.scope():
        acme.tenant.is_test = True
        acme.tenant.save()
    set_policy(acme, caps=_documents(POLICY))
    for name, (priority, share, caps) in CAMPAIGNS.items():
        make_campaign(
            acme, name=name, priority=priority, control_share=share, caps=_documents(caps), trigger_life_seconds=3600
        )
    return acme


def _documents(caps: Caps) -> list[dict[str, Any]]:
    return [{"limit": limit, "window": window} for limit, window in caps]


@dataclass
class Load:
    """Workers that each play all the devices, until so many questions have been asked."""

    company: Company
    devices: list[Device]
    questions: int
    meanwhile: Act = lambda rng, device: None
    outcomes: Counter[str] = field(default_factory=Counter)
    given: list[str] = field(default_factory=list)
    """The decision_id of every decision that was answered."""
    _doomed: threading.local = field(default_factory=threading.local)

    def run(self, monkeypatch: pytest.MonkeyPatch, *, workers: int = 6) -> None:
        monkeypatch.setattr(decide, "reserve", self._reserve_or_die(decide.reserve))
        places = itertools.count()

        def work(number: int) -> None:
            rng = random.Random(number)
            mine = [replace(device, http=Client()) for device in self.devices]
            kept: list[tuple[Device, dict[str, Any]]] = []
            while next(places) < self.questions:
                self._play(rng, rng.choice(mine), kept)

        at_once(*(lambda number=number: work(number) for number in range(workers)))

    def _play(self, rng: random.Random, device: Device, kept: list[tuple[Device, dict[str, Any]]]) -> None:
        if rng.random() < 0.05:
            with self.company.scope():
                advance_clock(by=rng.choice(STEPS))
        self.meanwhile(rng, device)
        device.session_id = f"{device.anonymous_id} {rng.randrange(5)}"
        device.track("added_to_cart")
        outcome, decision = self._ask(device, is_doomed=rng.random() < 0.05)
        if decision is not None:
            self.given.append(decision["decision_id"])
            outcome = rng.choices(["exposed", "released", "never reported", "kept"], [5, 1, 2, 2])[0]
            if outcome == "kept":
                kept.append((device, decision))
            elif outcome != "never reported":
                device.report(decision, outcome)
        self.outcomes[outcome] += 1
        if kept and rng.random() < 0.3:
            late_device, late = kept.pop(rng.randrange(len(kept)))
            self.outcomes[late_device.report(late, "exposed").get("code", "exposed late")] += 1

    def _ask(self, device: Device, *, is_doomed: bool) -> tuple[str, dict[str, Any] | None]:
        self._doomed.now = is_doomed
        answer = device.http.post(
            "/v1/decide", {**device.ids, "sessionId": device.session_id}, "application/json", **self.company.write_auth
        )
        if answer.status_code != 200:
            assert is_doomed
            assert (answer.status_code, answer["Retry-After"]) == (503, "1")
            connections.close_all()
            return "crashed", None
        return "nothing", answer.json()["decision"]

    def _reserve_or_die(self, reserve: Callable[..., None]) -> Callable[..., None]:
        def call(**values: Any) -> None:
            reserve(**values)
            if self._doomed.now:
                with connection.cursor() as cursor:
                    cursor.execute(CRASH)

        return call

    def rows(self) -> list[Row]:
        """The ledger, oldest first; each row with the person to whom the decision was given, whoever they became."""
        # Told again after a merge, a decision bears the name of whom its person has become.
        given_to = {handle.decision_id: handle.person_id for handle in map(unseal, reversed(self.given))}
        with self.company.scope():
            return [
                Row(
                    person=str(given_to[row.decision_id]),
                    campaign=str(row.campaign_id),
                    session=row.session_id,
                    arm=row.arm,
                    variant=row.variant,
                    decided_at=row.decided_at,
                    expires_at=row.expires_at,
                    exposed_at=row.exposed_at,
                    released_at=row.released_at,
                )
                for row in Decision.objects.order_by("decided_at")
            ]

    @cached_property
    def caps(self) -> list[tuple[str | None, int, Window]]:
        """(campaign, limit, window), as written above; None: all campaigns together."""
        with self.company.scope():
            ids = dict(Campaign.objects.values_list("name", "pk"))
        written = [(None, POLICY), *((str(ids[name]), caps) for name, (_, _, caps) in CAMPAIGNS.items())]
        return [(campaign, limit, WINDOWS[window]) for campaign, caps in written for limit, window in caps]


def under(campaign: str | None, rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if campaign in (None, row.campaign)]


def families(rows: Sequence[Row], merges: Sequence[Merge]) -> list[list[Row]]:
    """The rows of each person, whoever they were known as at first; oldest first."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(known_as(row.person, merges=merges, at=NEVER), []).append(row)
    return list(found.values())


def of_the_same(row: Row, rows: Sequence[Row], merges: Sequence[Merge]) -> list[Row]:
    """Those of the rows that were known to be of the row's person when it was decided."""
    at = row.decided_at
    person = known_as(row.person, merges=merges, at=at)
    return [other for other in rows if known_as(other.person, merges=merges, at=at) == person]


def check_arms(rows: Sequence[Row], merges: Sequence[Merge]) -> None:
    """Each decision's arm is that of the person as known then, whatever the device."""
    shares = {str(campaign.pk): campaign.control_share for campaign in Campaign.objects.all()}
    for own in families(rows, merges):
        for row in own:
            at = row.decided_at
            earlier = [
                replace(other, exposed_at=other.exposed_at if (other.exposed_at or NEVER) <= at else None)
                for other in of_the_same(row, own, merges)
                if other.campaign == row.campaign and other.decided_at < at
            ]
            person = known_as(row.person, merges=merges, at=at)
            share = shares[row.campaign]
            assert row.arm == arm_of(campaign=row.campaign, person=person, control_share=share, earlier=earlier)
            assert row.variant == "a"


def check_caps_at_each_decision(load: Load, rows: Sequence[Row], merges: Sequence[Merge]) -> None:
    """With each decision no cap of the person as known then is exceeded; two who become one may have used up more."""
    for own in families(rows, merges):
        for row in own:
            known = of_the_same(row, own, merges)
            in_session = [other for other in known if other.session == row.session]
            for campaign, limit, window in load.caps:
                if campaign in (None, row.campaign):
                    counted = under(campaign, in_session if window == "session" else known)
                    assert count_at(counted, at=row.decided_at, window=window) <= limit


def family(company: Company, people: int, *, known: bool) -> list[Device]:
    """Three devices a person."""
    return [
        Device(company, anonymous_id=f"phone {n}-{m}", user_id=f"user {n}" if known or m == 0 else None)
        for n in range(people)
        for m in range(3)
    ]


@HOW_LONG
def test_caps__many_devices_campaigns_and_windows_with_crashes__are_never_exceeded_and_free_again(
    lab: Company, questions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted bugs: a cap that counts exposures alone; a person that is read but not locked; an arm drawn by device
    (all seen to fail)."""
    load = Load(lab, family(lab, people=questions // 100, known=True), questions)

    load.run(monkeypatch)

    rows = load.rows()
    reached = 0
    for campaign, limit, window in load.caps:
        fullest = max(most_at_once(under(campaign, own), window=window) for own in families(rows, merges=[]))
        assert fullest <= limit, f"{fullest} of {limit} in {window} for {campaign}"
        reached += fullest == limit
    assert reached >= 4, "most caps were in force"
    with lab.scope():
        check_arms(rows, merges=[])
        rare = str(Campaign.objects.get(name="rare").pk)
    assert max(Counter(row.person for row in rows if row.campaign == rare).values()) > 3, "what expired is free again"
    assert all(load.outcomes[what] for what in ("crashed", "never reported", "released", "exposed", "nothing"))


@HOW_LONG
def test_caps_and_arms__people_become_one_meanwhile__sum_and_the_earlier_exposed_arm_stays(
    lab: Company, questions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted bug: a merge that left the alias's ledger behind (seen to fail)."""

    def sign_in_or_join(rng: random.Random, device: Device) -> None:
        if rng.random() < 0.04:
            device.user_id = f"user {str(device.anonymous_id).split()[1].split('-')[0]}"
            device.identify()
        if rng.random() < 0.01:
            device.send([{"type": "alias", "previousId": "user 0", "userId": "user 1"}], server=True)

    load = Load(lab, family(lab, people=questions // 50, known=False), questions, sign_in_or_join)

    load.run(monkeypatch)

    rows = load.rows()
    with lab.scope():
        merges = [
            Merge(source=str(alias.person_id), target=str(alias.merge_target), at=alias.merged_at)
            for alias in Person.objects.exclude(merged_into=None).order_by("merged_at")
        ]
        check_arms(rows, merges)
        reports = {
            str(campaign.pk): attribute(campaign=campaign, tenant=lab.tenant, now=read_clock())
            for campaign in Campaign.objects.all()
        }
    check_caps_at_each_decision(load, rows, merges)
    for campaign_id, report in reports.items():
        exposures = [
            sorted((row for row in under(campaign_id, own) if row.exposed_at), key=lambda row: row.exposed_at or NEVER)
            for own in families(rows, merges)
        ]
        first = Counter(own[0].arm for own in exposures if own)
        assert (report.treatment.exposed, report.control.exposed) == (first["treatment"], first["control"])
        assert report.crossovers == sum(len({row.arm for row in own}) > 1 for own in exposures)
    assert any(report.crossovers for report in reports.values())
    assert len(merges) > questions // 100
    assert misplaced_rows() == []
