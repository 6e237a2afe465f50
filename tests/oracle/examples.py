"""Short words for examples worked by hand."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from tests.oracle.evaluate import is_member
from tests.oracle.facts import Condition, Event, Person, World

NOW = datetime(2026, 6, 17, 12, 0, tzinfo=UTC)
US = timedelta(microseconds=1)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
UTC_WORLD = World()
_numbers = count()


def event(name: str, at: datetime = NOW, /, *, context: dict[str, Any] | None = None, **properties: Any) -> Event:
    """A new event; its message id is its own."""
    return Event(
        name=name,
        occurred_at=at,
        message_id=f"m{next(_numbers)}",
        properties=properties,
        context=context or {},
    )


def holds(
    condition: Condition,
    *events: Event,
    now: datetime = NOW,
    world: World = UTC_WORLD,
    traits: dict[str, Any] | None = None,
) -> bool:
    """Whether a person of these events and traits satisfies the condition."""
    person = Person(traits=traits or {}, events=events)
    return is_member(condition=condition, person=person, world=world, now=now)


def fact(value: Any, op: str, literal: Any = None, *, zone: str = "UTC") -> bool:
    """Whether a trait of this value satisfies the operator."""
    node = {"trait": "x", "op": op} | ({} if literal is None else {"value": literal})
    return holds(node, traits={"x": value}, world=World(time_zone=zone))


def at(text: str) -> datetime:
    """The datetime that a text names."""
    return datetime.fromisoformat(text)


CART: Condition = {
    "did": "added_to_cart",
    "then_not": {"did": "purchased", "same": ["cart_id"]},
    "after": "10m",
    "for": "1h",
}
