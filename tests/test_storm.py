"""Everything at once about a few people: afterwards every fact is stored once, in its place, and digested."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client

from config.audit import Extent, audit
from events.erasure import erase_person
from events.models import Event, Person
from segments.conditions.compiler import Key
from segments.conditions.questions import Everyone
from segments.definitions import load_definitions, save_segment
from segments.draining import drain, sweep_due
from segments.membership import current_setting, evaluate
from segments.models import Membership, Segment
from segments.tasks import recompute
from tests.campaigns.cast import Device, make_campaign, make_segment, set_policy
from tests.concurrency import at_once
from tests.conftest import Company
from tests.traces import misplaced_rows

pytestmark = pytest.mark.django_db(transaction=True)
CONDITIONS: list[Any] = [
    {"did": "added_to_cart", "within": "30d"},
    {"not": {"did": "opened"}},
    {"did": "added_to_cart", "count": {"op": ">=", "value": 3}},
    {"trait": "plan", "op": "=", "value": "pro"},
]


@dataclass
class Storm:
    """Workers that each do something at random, through the addresses and functions that apps and tasks use."""

    company: Company
    erases: bool
    sent: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)

    def run(self, *, acts: int, workers: int = 6) -> None:
        places = itertools.count()
        choices: dict[Callable[[random.Random], None], int] = {
            self.send: 8, self.resend: 2, self.link: 2, self.join: 1, self.decide: 5, self.digest: 4, self.look: 1,
            self.redefine: 1,
        }  # fmt: skip
        if self.erases:
            choices[self.erase] = 1

        def work(number: int) -> None:
            rng = random.Random(number)
            while next(places) < acts:
                (act,) = rng.choices(list(choices), list(choices.values()))
                act(rng)
                self.done[act.__name__] += 1

        at_once(*(lambda number=number: work(number) for number in range(workers)))

    def somebody(self, rng: random.Random) -> Device:
        number, anonymous = rng.randrange(4), rng.randrange(3)
        if rng.random() < 0.5:
            return Device(self.company, anonymous_id=None, user_id=f"u{number}")
        return Device(self.company, anonymous_id=f"a{number}-{anonymous}")

    def send(self, rng: random.Random) -> None:
        items = []
        for device in (self.somebody(rng), self.somebody(rng)):
            self.sent.append(str(uuid4()))
            name = rng.choice(["added_to_cart", "opened"])
            items.append({"type": "track", "event": name, "messageId": self.sent[-1], **device.ids})
            items.append({"type": "identify", "traits": {"plan": rng.choice(["pro", "free"])}, **device.ids})
        Device(self.company).send(items)

    def resend(self, rng: random.Random) -> None:
        if self.sent:
            items = [
                {"type": "track", "event": "opened", "messageId": rng.choice(self.sent), **self.somebody(rng).ids}
                for _ in range(3)
            ]
            Device(self.company).send(items)

    def link(self, rng: random.Random) -> None:
        number = rng.randrange(4)
        Device(self.company, anonymous_id=f"a{number}-{rng.randrange(3)}", user_id=f"u{number}").identify()

    def join(self, rng: random.Random) -> None:
        one, other = rng.sample(range(4), 2)
        item = {"type": "alias", "previousId": f"u{one}", "userId": f"u{other}"}
        Device(self.company).send([item], server=True)

    def decide(self, rng: random.Random) -> None:
        device = self.somebody(rng)
        decision = device.decide()
        if decision is not None:
            device.report(decision, rng.choice(["exposed", "released"]))

    def digest(self, rng: random.Random) -> None:
        rng.choice([drain, sweep_due])(tenant_id=self.company.tenant.pk)

    def look(self, rng: random.Random) -> None:
        address = f"/api/v1/people/user_id/u{rng.randrange(4)}"
        answer = Client().get(address, **self.company.server_auth)
        assert answer.status_code in (200, 404) or answer["Retry-After"], answer.content

    def redefine(self, rng: random.Random) -> None:
        with self.company.scope():
            segment = rng.choice(list(Segment.objects.order_by("name")))
            save_segment(segment=segment, name=segment.name, condition=rng.choice(CONDITIONS))
        recompute.apply(kwargs={"tenant_id": str(self.company.tenant.pk)}).get()

    def erase(self, rng: random.Random) -> None:
        erase_person(tenant_id=self.company.tenant.pk, person_id=self.somebody(rng).person_id)


def members_by_recomputation(company: Company) -> set[tuple[UUID, Key]]:
    live = load_definitions().live
    return {
        (who, key)
        for who, key, is_member, _ in evaluate(live, scope=Everyone(), setting=current_setting())
        if is_member
    }


@pytest.mark.parametrize("erases", [False, True], ids=["", "with erasures"])
@pytest.mark.parametrize("acts", [150, pytest.param(2500, marks=pytest.mark.proof)])
def test_storm__of_everything_about_a_few_people__leaves_all_in_order(acme: Company, acts: int, erases: bool) -> None:
    """Planted bug: a merge that left the aliases of its source behind (seen to fail)."""
    set_policy(acme)
    for condition in CONDITIONS:
        make_segment(acme, condition)
    make_campaign(acme, control_share=0.5, caps=[{"limit": 3, "window": "1h"}])
    storm = Storm(acme, erases)

    storm.run(acts=acts)

    assert len(storm.done) == 8 + erases
    assert misplaced_rows() == []
    recompute.apply(kwargs={"tenant_id": str(acme.tenant.pk)}).get()
    drain(tenant_id=acme.tenant.pk)
    with acme.scope():
        assert not Person.objects.exclude(touched_at=None).exists()
        live = {(segment.pk, segment.live_version) for segment in Segment.objects.all()}
        assert live == {(segment.pk, segment.version) for segment in Segment.objects.all()}
        stored = Membership.objects.filter(is_member=True).values_list("person_id", "segment_id", "version")
        assert {(who, Key(*key)) for who, *key in stored} == members_by_recomputation(acme)
        kept = Counter(Event.objects.values_list("message_id", flat=True))
    assert set(kept.values()) <= {1}
    assert set(kept) <= set(storm.sent)
    if not erases:
        assert set(kept) == set(storm.sent)
    assert audit(extent=Extent(people=None), tell=lambda *args, **kwargs: None).findings == []
