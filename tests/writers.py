"""Everything that writes about a person, and somebody about whom all of it has something to write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from events.erasure import erase_person
from events.models import Person
from segments.definitions import save_segment
from segments.draining import drain, sweep_due
from segments.models import Membership
from segments.recomputation import advance_recomputation
from segments.tasks import recompute
from tests.campaigns.cast import Device, make_campaign, make_segment, set_policy
from tests.conftest import Company
from tests.events.senders import batch, track

FACT = "EarlierFact"
TABLET = "somebody's tablet"


@dataclass
class Somebody:
    """A person of whom every table holds something; whatever they did so far bears FACT."""

    company: Company
    device: Device = field(init=False)
    decision: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        company = self.company
        set_policy(company)
        make_segment(company, {"trait": "note", "op": "exists"})
        make_segment(company, {"did": "added_to_cart", "within": "1h"})
        make_segment(company, {"did": "commented"})
        make_campaign(company)
        self.device = Device(company, anonymous_id="somebody's phone", session_id=FACT)
        self.device.track("added_to_cart", product=FACT)
        self.device.identify(note=FACT)
        batch(company, track("x" * 201, anonymousId=self.device.anonymous_id, properties={"note": FACT}))
        drain(tenant_id=company.tenant.pk)
        self.device.user_id = "somebody"
        self.device.identify(first_name=FACT)
        self.decision = self.device.see()
        self.device.track("added_to_cart", product=FACT)
        self.device.track("commented", text=FACT)

    @property
    def row_ids(self) -> list[UUID]:
        with self.company.scope():
            return list(Person.objects.values_list("person_id", flat=True))

    def erase(self) -> bool:
        return erase_person(tenant_id=self.company.tenant.pk, person_id=self.device.person_id)


@dataclass(frozen=True)
class Writer:
    """Something else that writes about the person: what it does, and the call at the end of its transaction."""

    act: Callable[[Somebody], Any]
    last_call: str
    prepare: Callable[[Somebody], Any] = lambda somebody: None
    brings_a_new_person: bool = False


def _come_due(somebody: Somebody) -> None:
    drain(tenant_id=somebody.company.tenant.pk)
    with somebody.company.scope():
        Membership.objects.update(valid_until=datetime.now(UTC) - timedelta(seconds=1))


def _define(somebody: Somebody) -> None:
    with somebody.company.scope():
        save_segment(name="Newer", condition={"did": "added_to_cart"})


def _define_and_compute(somebody: Somebody) -> None:
    _define(somebody)
    assert advance_recomputation(tenant_id=somebody.company.tenant.pk)  # only the swap is left


def _recompute(somebody: Somebody) -> None:
    recompute.apply(kwargs={"tenant_id": str(somebody.company.tenant.pk)}).get()


def _read(somebody: Somebody) -> None:
    answer = Client().get("/api/v1/people/user_id/somebody", **somebody.company.server_auth)
    assert answer.status_code in (200, 404)


WRITERS = {
    "ingest": Writer(lambda it: it.device.track("opened"), "events.ingestion.log_rejections", brings_a_new_person=True),
    "merge": Writer(
        lambda it: Device(it.company, anonymous_id=TABLET, user_id="somebody").track("opened"),
        "events.ingestion.log_rejections",
        prepare=lambda it: batch(it.company, track(anonymousId=TABLET), track("x" * 201, anonymousId=TABLET)),
        brings_a_new_person=True,
    ),
    "drain": Writer(lambda it: drain(tenant_id=it.company.tenant.pk), "segments.draining.refresh"),
    "due sweep": Writer(
        lambda it: sweep_due(tenant_id=it.company.tenant.pk), "segments.draining.refresh", prepare=_come_due
    ),
    "decide": Writer(lambda it: it.device.decide(), "campaigns.decide.reserve"),
    "report": Writer(lambda it: it.device.report(it.decision, "rendered"), "campaigns.reports.lock_people_behind"),
    "recompute chunk": Writer(_recompute, "segments.recomputation.store", prepare=_define),
    "swap": Writer(_recompute, "segments.recomputation.hold_definitions", prepare=_define_and_compute),
    "person view": Writer(_read, "segments.profiles.refresh"),
    "erasure": Writer(lambda it: it.erase(), "events.erasure.forget_people"),
}
EVERY_WRITER = pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
