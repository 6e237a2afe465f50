"""One person's traits are bounded."""

from __future__ import annotations

from typing import Any

import pytest

from events import traits
from events.models import RejectedItem, TraitChange
from tests.conftest import Company
from tests.events.senders import batch, identify, people_of, track

pytestmark = pytest.mark.django_db
LATER = "2026-01-06T10:00:00Z"


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traits, "MAX_TRAITS", 5)
    monkeypatch.setattr(traits, "MAX_BYTES", 1_000)


def codes(answer: Any) -> list[tuple[int, str]]:
    assert answer.status_code == 200, answer.content
    return [(item["index"], item["code"]) for item in answer.json().get("rejected", [])]


def test_traits__beyond_the_number_of_names__new_ones_are_refused_and_the_others_change(acme: Company) -> None:
    batch(acme, identify("u", dict.fromkeys("abcd", 1)))

    answer = batch(
        acme,
        identify("u", {"a": 2, "e": 2, "f": 2}, timestamp=LATER),
        identify("v", dict.fromkeys("abcde", 1)),
        track(userId="u"),
        identify("u", {"f": 3, "g": 3}),
    )

    assert codes(answer) == [(0, "traits_full"), (3, "traits_full")]
    people = people_of(acme)
    assert people["u"].traits == {"a": 2, "b": 1, "c": 1, "d": 1, "e": 2}
    assert people["v"].traits == dict.fromkeys("abcde", 1)
    with acme.scope():
        assert not TraitChange.objects.filter(name__in=["f", "g"]).exists()
        assert RejectedItem.objects.count() == 2


def test_traits__full__a_cleared_one_makes_room(acme: Company) -> None:
    batch(acme, identify("u", dict.fromkeys("abcde", 1)))

    answers = [batch(acme, identify("u", {"a": None}, timestamp=LATER)), batch(acme, identify("u", {"f": 1}))]

    assert [codes(answer) for answer in answers] == [[], []]
    assert set(people_of(acme)["u"].traits) == set("bcdef")


def test_traits__beyond_their_bytes__may_shrink_but_not_grow(acme: Company) -> None:
    batch(acme, identify("u", {"a": "x" * 900}))

    grown = batch(acme, identify("u", {"a": "y" * 1_100, "b": "y" * 200}))
    same = batch(acme, identify("u", {"a": "z" * 900}, timestamp=LATER))
    shrunk = batch(acme, identify("u", {"a": "z", "b": "z" * 200}, timestamp="2026-01-07T10:00:00Z"))

    assert [codes(answer) for answer in (grown, same, shrunk)] == [[(0, "traits_full")], [], []]
    assert people_of(acme)["u"].traits == {"a": "z", "b": "z" * 200}


def test_traits__of_two_people_who_are_one__the_targets_own_come_first(acme: Company) -> None:
    batch(acme, identify("u", dict.fromkeys("wxyz", 1)))
    batch(acme, {**identify("", dict.fromkeys("abcz", 2), timestamp=LATER), "anonymousId": "anon"})

    batch(acme, track(userId="u", anonymousId="anon"))

    assert people_of(acme)["u"].traits == {"a": 2, "w": 1, "x": 1, "y": 1, "z": 2}
