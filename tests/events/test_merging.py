"""Who becomes whom, and what goes over."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from django.apps import apps
from django.apps.registry import Apps
from django.db import models
from django.test.utils import isolate_apps

from campaigns.models import Decision
from events.erasure import erase_person
from events.models import Event, Person, PersonKeyedModel, RejectedItem, TraitChange, person_id_for
from events.people import find_person_id
from events.person_rules import registered_rules
from segments.models import Membership, MembershipChange
from tests.conftest import Company
from tests.events.senders import aliases_of, batch, events_of, identify, people_of, track

pytestmark = pytest.mark.django_db
AT = datetime(2026, 1, 5, 10, tzinfo=UTC)


def alias(previous_id: str, user_id: str) -> dict[str, str]:
    return {"type": "alias", "previousId": previous_id, "userId": user_id}


def without_rules(registry: Apps) -> set[type[models.Model]]:
    """Models with a person's id that say nothing of merging and erasing."""
    keyed = {
        model
        for model in registry.get_models()
        if model._meta.managed and any(field.attname == "person_id" for field in model._meta.concrete_fields)
    }
    return keyed - set(registered_rules())


def test_models__keyed_by_person__all_declare_their_rules() -> None:
    assert without_rules(apps) == set(), "declare them with events.person_rules.register when the room is ready"
    assert set(registered_rules()) <= set(apps.get_models())


def test_models__keyed_by_person_without_rules__are_found() -> None:
    """Planted bugs: a model of the base that declares nothing, and one that does not even have the base."""
    with isolate_apps("events") as registry:

        class Note(PersonKeyedModel):
            class Meta:
                app_label = "events"

        class Score(models.Model):
            person_id = models.UUIDField()

            class Meta:
                app_label = "events"

    assert without_rules(registry) == {Note, Score}


def test_link__by_an_item_with_both_ids__moves_what_the_anonymous_person_did(acme: Company) -> None:
    batch(acme, track("before", anonymousId="anon", timestamp="2025-05-05T00:00:00Z"))

    batch(acme, track("login", anonymousId="anon", userId="u"))
    batch(acme, track("after", anonymousId="anon"))

    (person,) = people_of(acme).values()
    assert person.identifier == "u"
    assert person.first_seen_at.year == 2025
    assert {event.person_id for event in events_of(acme)} == {person.person_id}
    assert len(events_of(acme)) == 3
    anon = aliases_of(acme)["anon"]
    assert (anon.merged_into, anon.touched_at) == (person.person_id, None)
    assert anon.merged_at is not None


def test_link__of_an_anonymous_id_that_is_somebody_already__happens_once(acme: Company) -> None:
    batch(acme, track("a", anonymousId="anon", userId="u"))

    batch(acme, track("b", anonymousId="anon", userId="v"), track("c", anonymousId="anon"))

    people = people_of(acme)
    assert {event.name: event.person_id for event in events_of(acme)} == {
        "a": people["u"].person_id,
        "b": people["v"].person_id,
        "c": people["u"].person_id,
    }


def test_link__inside_one_batch__counts_for_items_before_and_after_it(acme: Company) -> None:
    batch(
        acme,
        track("a", anonymousId="anon"),
        track("b", anonymousId="anon", userId="u"),
        track("c", anonymousId="anon"),
    )

    assert {event.person_id for event in events_of(acme)} == {people_of(acme)["u"].person_id}


@pytest.mark.parametrize("order", [1, -1])
def test_traits__of_both__the_latest_stand_clears_included(acme: Company, order: int) -> None:
    anonymous = identify("", {"a": "old", "b": "new", "c": None, "d": 1}, anonymousId="anon")
    anonymous["timestamp"] = "2026-01-05T10:00:00Z"
    known = identify("u", {"a": "new", "b": "old", "c": "kept"}, timestamp="2026-01-05T11:00:00Z")
    later = identify("", {"b": "newest", "a": None}, anonymousId="anon", timestamp="2026-01-05T12:00:00Z")
    for item in [anonymous, known, later][::order]:
        batch(acme, item)

    batch(acme, track(anonymousId="anon", userId="u"))

    assert people_of(acme)["u"].traits == {"b": "newest", "c": "kept", "d": 1}
    assert aliases_of(acme)["anon"].traits == {}


def test_alias__of_an_anonymous_id_with_a_write_key__merges(acme: Company) -> None:
    batch(acme, track(anonymousId="anon"))

    answer = batch(acme, alias("anon", "u"))

    assert answer.json() == {"success": True}
    assert set(people_of(acme)) == {"u"}


def test_alias__of_an_unknown_id__later_arrivals_resolve(acme: Company) -> None:
    batch(acme, alias("anon", "u"))

    batch(acme, track(anonymousId="anon"))

    assert set(people_of(acme)) == {"u"}
    assert events_of(acme)[0].person_id == people_of(acme)["u"].person_id


def test_alias__of_somebody_with_a_write_key__is_refused_and_changes_nothing(acme: Company) -> None:
    batch(acme, track(userId="u"), track(anonymousId="anon", userId="w"))

    answer = batch(acme, alias("u", "v"), alias("anon", "u"))

    assert answer.status_code == 200
    assert [item["code"] for item in answer.json()["rejected"]] == ["alias_refused"] * 2
    assert set(people_of(acme)) == {"u", "w"}
    with acme.scope():
        assert RejectedItem.objects.count() == 2


def test_alias__of_somebody_with_a_server_key__merges_and_flattens_chains(acme: Company) -> None:
    batch(acme, track("a", anonymousId="anon", userId="u"), track("b", userId="v"))

    answer = batch(acme, alias("u", "v"), server=True)

    people = people_of(acme)
    assert answer.json() == {"success": True}
    assert set(people) == {"v"}
    assert {row.merged_into for row in aliases_of(acme).values()} == {people["v"].person_id}
    batch(acme, track("c", anonymousId="anon"), track("d", userId="u"))
    assert {event.person_id for event in events_of(acme)} == {people["v"].person_id}


def test_alias__twice_or_in_a_circle__is_nothing_the_second_time(acme: Company) -> None:
    answers = [
        batch(acme, alias("u", "v"), alias("u", "v"), alias("v", "u"), track(userId="u"), server=True),
        batch(acme, alias("v", "u"), alias("u", "v"), alias("u", "u"), server=True),
    ]

    assert [answer.json() for answer in answers] == [{"success": True}] * 2
    assert len(people_of(acme)) == 1


def test_merges__many_in_one_batch__each_goes_its_way(acme: Company) -> None:
    batch(acme, *(track(anonymousId=f"a{n}", messageId=f"m{n}") for n in range(20)))

    batch(acme, *(track("login", anonymousId=f"a{n}", userId=f"u{n % 7}") for n in range(20)))

    people = people_of(acme)
    assert set(people) == {f"u{n}" for n in range(7)}
    for event in events_of(acme):
        if event.name == "opened":
            assert event.person_id == people[f"u{int(event.message_id[1:]) % 7}"].person_id


def decision(company: Company, person_id: UUID, trigger: str, exposed_at: datetime | None) -> UUID:
    row = Decision.objects.create(
        tenant_id=company.tenant.pk, person_id=person_id, decision_id=uuid4(), campaign_id=UUID(int=1),
        trigger_id=trigger, variant="a", arm="treatment", propensity=0.9, policy_version="1", device="d",
        decided_at=AT, expires_at=AT, exposed_at=exposed_at,
    )  # fmt: skip
    return row.decision_id


def test_merge__of_memberships_changes_and_decisions__follows_their_rules(acme: Company) -> None:
    batch(acme, track(anonymousId="anon"), track(userId="u"))
    tenant_id, people = acme.tenant.pk, people_of(acme)
    source, target = people["anon"].person_id, people["u"].person_id
    with acme.scope():
        for person_id in (source, target):
            Membership.objects.create(
                tenant_id=tenant_id, person_id=person_id, segment_id=UUID(int=2), version=1, is_member=True,
                valid_until=AT, since=AT,
            )  # fmt: skip
            MembershipChange.objects.create(
                tenant_id=tenant_id, person_id=person_id, segment_id=UUID(int=2), changed_at=AT, entered=True,
                reason="facts",
            )  # fmt: skip
            decision(acme, person_id, "same", AT if person_id == source else None)
        decision(acme, source, "own", AT)

    batch(acme, track(anonymousId="anon", userId="u"))

    with acme.scope():
        assert {row.person_id for row in Membership.objects.all()} == {target}
        assert [row.person_id for row in MembershipChange.objects.all()] == [target]
        decisions = list(Decision.objects.all())
        assert {row.person_id for row in decisions} == {target}
        assert sum(row.exposed_at is not None for row in decisions) == 2


def test_find_person_id__by_either_id__is_the_unmerged_person(acme: Company) -> None:
    batch(acme, track(anonymousId="anon", userId="u"))

    with acme.scope():
        expected = person_id_for(tenant_id=acme.tenant.pk, kind="user_id", identifier="u")
        assert find_person_id(user_id=None, anonymous_id="anon") == expected
        assert find_person_id(user_id="u", anonymous_id="other") == expected
        assert find_person_id(user_id=None, anonymous_id="other") is None


def test_erasure__of_a_person__leaves_nothing_of_them_and_all_of_others(acme: Company, globex: Company) -> None:
    for company in (acme, globex):
        batch(company, track(anonymousId="anon-1", userId="user-1"), identify("user-1", {"a": 1}))
        batch(company, track("x" * 201, userId="user-1"))
        batch(company, identify("user-2", {"a": 1}), track(userId="user-2"))
    person = people_of(acme)["user-1"]

    assert erase_person(tenant_id=acme.tenant.pk, person_id=person.person_id)

    with acme.scope():
        assert [row.identifier for row in Person.objects.all()] == ["user-2"]
        assert (Event.objects.count(), TraitChange.objects.count(), RejectedItem.objects.count()) == (1, 1, 0)
    assert set(people_of(globex)) == {"user-1", "user-2"}
    assert not erase_person(tenant_id=acme.tenant.pk, person_id=person.person_id)
