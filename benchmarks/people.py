"""Who the people of the benchmarks are: numbered, the lower the busier; three in five are known by a user id."""

from __future__ import annotations

import random
from uuid import UUID

from events.items import ANONYMOUS, USER
from events.models import person_id_for

# The share of one's place among all people is a cube, with its steepest part cut off: of 500,000 people with 10 million
# events the busiest has some 7,000, every second one 10 or fewer.
_CUT = 0.03
_SPREAD = 1 - _CUT**3


def identifier_of(number: int) -> tuple[str, str]:
    """Kind and text."""
    return (USER, f"user-{number}") if number % 5 < 3 else (ANONYMOUS, f"anonymous-{number}")


def wire_ids(number: int) -> dict[str, str]:
    """The person as an item or a question names them."""
    kind, text = identifier_of(number)
    return {"userId" if kind == USER else "anonymousId": text}


def person_id_of(tenant_id: UUID, number: int) -> UUID:
    kind, text = identifier_of(number)
    return person_id_for(tenant_id=tenant_id, kind=kind, identifier=text)


def draw_busy(dice: random.Random, people: int) -> int:
    """Somebody, drawn by how much they do."""
    return min(int(people * ((_CUT + (1 - _CUT) * dice.random()) ** 3 - _CUT**3) / _SPREAD), people - 1)


def draw_busy_sql(people: int) -> str:
    """The same in SQL."""
    place = f"(power({_CUT} + {1 - _CUT} * random(), 3) - {_CUT**3}) / {_SPREAD}"
    return f"least(floor({people} * {place}), {people - 1})::int"
