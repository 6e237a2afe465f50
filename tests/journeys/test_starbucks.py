"""Input nobody here made: offers of a coffee house, imported by a mapping, grouped and decided about."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from campaigns.decide import Question, decide
from campaigns.definitions import save_campaign
from events.ingestion import ingest
from events.items import WireItem, build_item
from events.models import Event, Person, person_id_for
from segments.definitions import save_segment
from segments.models import Membership, Segment
from segments.recomputation import advance_recomputation
from tests.conftest import Company

SAMPLE = 250
CONTROL_SHARE = 0.2


@pytest.fixture
def folder(acme: Company, planner: None, reference_data: Callable[[str], Path]) -> Path:
    """The folder of the data."""
    return reference_data("starbucks")


@pytest.fixture
def starbucks(acme: Company, folder: Path) -> Path:
    """The folder, once the data are imported into Acme."""
    call_command(
        "import_events",
        str(folder / "transcript.csv"),
        "--mapping=starbucks-transcript",
        f"--tenant={acme.tenant.pk}",
    )
    return folder


def test_starbucks__import_segment_decide__agrees_with_plain_counting(acme: Company, starbucks: Path) -> None:
    told, offers, people = count_plainly(starbucks / "transcript.csv")

    with acme.scope():
        assert Event.objects.count() == 39_983
        assert Person.objects.count() == len(people) == 14_173
        segment, _ = save_segment(name="Viewed, not completed", condition=viewed_not_completed(offers))
    while advance_recomputation(tenant_id=acme.tenant.pk):
        pass
    with acme.scope():
        members = set(
            Membership.objects.filter(segment_id=segment.pk, is_member=True).values_list("person_id", flat=True)
        )
        assert members == {person_id(acme, person) for person in told}
        assert 1_000 < len(members) < 13_000
        campaign = save_campaign(changes=campaign_for(segment))

        insiders, outsiders = sorted(told)[:SAMPLE], sorted(people - told)[:40]
        open_app(acme, [*insiders, *outsiders])
        arms = [ask(acme, person) for person in insiders]

        assert {arm_campaign for arm_campaign in arms if arm_campaign} == {
            (str(campaign.pk), "treatment"),
            (str(campaign.pk), "control"),
        }
        share = sum(1 for answer in arms if answer and answer[1] == "control") / SAMPLE
        assert None not in arms
        assert abs(share - CONTROL_SHARE) < 5 * (CONTROL_SHARE * (1 - CONTROL_SHARE) / SAMPLE) ** 0.5
        assert [ask(acme, person) for person in outsiders] == [None] * len(outsiders)


def test_starbucks__completing_the_offer__leaves_the_segment(acme: Company, starbucks: Path) -> None:
    told, offers, _ = count_plainly(starbucks / "transcript.csv")
    person = next(iter(sorted(told)))
    with acme.scope():
        segment, _ = save_segment(name="Viewed, not completed", condition=viewed_not_completed(offers))
        save_campaign(changes=campaign_for(segment))

        ingest_events(
            acme,
            [{"event": "offer_completed", "properties": {"offer_id": offer}, "userId": person} for offer in offers],
        )
        open_app(acme, [person])

        assert ask(acme, person) is None


def test_starbucks__profiles__become_traits(acme: Company, folder: Path) -> None:
    call_command(
        "import_events", str(folder / "profile.json"), "--mapping=starbucks-profile", f"--tenant={acme.tenant.pk}"
    )

    with acme.scope():
        assert Person.objects.count() == 17_000
        unknown, known = (
            Person.objects.get(person_id=person_id(acme, person)).traits
            for person in ("68be06ca386d4c31939f3a4f0e3dd783", "0610b486422d4921ae7d2bf64640c50b")
        )
    assert unknown == {"member_since": "2017-02-12"}
    assert known == {"gender": "F", "age": 55, "income": 112_000, "member_since": "2017-07-15"}


def count_plainly(path: Path) -> tuple[set[str], list[str], set[str]]:
    """Who received and viewed an offer and did not complete it, from the file alone; the offers; everybody."""
    did: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    people, offers = set(), set()
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            people.add(row["person"])
            offer = row["value/offer id"] or row["value/offer_id"]
            if offer:
                offers.add(offer)
                did[row["person"]][offer].add(row["event"])
    told = {
        person
        for person, by_offer in did.items()
        if any(
            {"offer received", "offer viewed"} <= done and "offer completed" not in done for done in by_offer.values()
        )
    }
    assert len(offers) == 10
    return told, sorted(offers), people


def viewed_not_completed(offers: list[str]) -> dict[str, Any]:
    def did(event: str, offer: str) -> dict[str, Any]:
        return {"did": event, "where": [{"property": "offer_id", "op": "=", "value": offer}]}

    return {
        "any": [
            {
                "all": [
                    did("offer_received", offer),
                    did("offer_viewed", offer),
                    {"not": did("offer_completed", offer)},
                ]
            }
            for offer in offers
        ]
    }


def campaign_for(segment: Segment) -> dict[str, Any]:
    return {
        "name": "Your offer is waiting",
        "status": "running",
        "trigger": {"on": "app_open"},
        "audience": segment,
        "control_share": CONTROL_SHARE,
        "message": {"template": "modal", "title": "Your offer is waiting", "body": "It is a coffee away."},
        "goal": {"event": "offer_completed", "within": "7d"},
    }


def person_id(company: Company, person: str) -> Any:
    return person_id_for(tenant_id=company.tenant.pk, kind="user_id", identifier=person)


def open_app(company: Company, people: list[str]) -> None:
    ingest_events(company, [{"event": "app_opened", "userId": person} for person in people])


def ingest_events(company: Company, events: list[dict[str, Any]]) -> None:
    items = [
        build_item(
            WireItem(type="track", event=event["event"], user_id=event["userId"], properties=event.get("properties")),
            index=index,
            batch_context={},
            batch_sent_at=None,
            raw=b"",
        )
        for index, event in enumerate(events)
    ]
    ingest(tenant_id=company.tenant.pk, items=items)


def ask(company: Company, person: str) -> tuple[str, str] | None:
    """Campaign and arm that the person is given now."""
    offer = decide(question=Question(user_id=person), tenant=company.tenant).offer
    return (str(offer.handle.campaign_id), offer.handle.arm) if offer else None
