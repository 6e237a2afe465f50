"""What one statement can take: many and long values, more conditions than a statement has columns."""

from __future__ import annotations

from typing import Any

import pytest

from events.models import Person
from segments.definitions import save_segment
from segments.models import Membership
from tests.conftest import Company
from tests.segments.people import does, meet, settle


@pytest.mark.django_db
def test_literals__long_with_a_common_beginning__are_kept_apart(scoped: Company) -> None:
    """Planted bug: telling values by a shortened repr gave both literals one placeholder (seen to fail)."""
    addresses = [f"https://shop.example/products/shoes/red-0{number}" for number in range(3)]
    saved = [
        save_segment(name=a, condition={"did": "page", "where": [{"property": "url", "op": "=", "value": a}]})[0]
        for a in addresses
    ]
    who = meet(scoped, "anna")
    does(scoped, who, "page", url=addresses[1])

    settle(scoped)

    members = Membership.objects.filter(is_member=True).values_list("person_id", "segment_id")
    assert list(members) == [(who, saved[1].pk)]


def wide(letter: str) -> dict[str, Any]:
    return {"any": [{"any": [{"did": f"{letter}{j}_{k}"} for k in range(29)]} for j in range(9)]}


@pytest.mark.django_db
def test_segments__more_parts_than_a_statement_has_columns__are_evaluated_in_portions(scoped: Company) -> None:
    saved = [save_segment(name=letter, condition=wide(letter))[0] for letter in "abcdefgh"]
    who = meet(scoped, "anna")
    does(scoped, who, "c3_7")

    settle(scoped)

    assert list(Membership.objects.filter(is_member=True).values_list("person_id", "segment_id")) == [
        (who, saved[2].pk)
    ]
    assert not Person.objects.filter(touched_at__isnull=False).exists()
