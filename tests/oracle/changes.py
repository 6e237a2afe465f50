"""When the answer next changes by time alone: the truth that `valid_until` may precede but never pass.

Between two *turning points* nothing the condition looks at enters or leaves anything, so it is enough to ask
again at each of them in order. More points than needed cost time only; a missing one would make the oracle
wrong, therefore they are made generously: every event time plus every duration that stands anywhere in the
condition (and the sum of two in one node, for `after` + `for`), each with the microsecond behind it.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import combinations
from typing import Any

from tests.oracle.evaluate import Moment, holds
from tests.oracle.facts import Condition, Person, World
from tests.oracle.times import MICROSECOND, datetime_of, instant_of, is_duration, microseconds_of
from tests.oracle.windows import Period

HORIZON = instant_of(datetime(9000, 1, 1, tzinfo=UTC))


def next_change(*, condition: Condition, person: Person, world: World, now: datetime) -> datetime | None:
    """The first instant after `now` at which the answer differs with no new fact; None for never.

    Facts after `now` have not happened and stay out, also of the later evaluations.
    """
    known = replace(person, events=tuple(event for event in person.events if event.occurred_at <= now))
    start = instant_of(now)
    answer = holds(condition, Moment(known, world, start))
    for instant in sorted(turning_points(condition, known, world)):
        if start < instant < HORIZON and holds(condition, Moment(known, world, instant)) is not answer:
            return datetime_of(instant)
    return None


def turning_points(condition: Condition, person: Person, world: World) -> set[int]:
    """Every instant at which the answer might change by time alone, past ones included."""
    nodes = list(_nodes(condition, world))
    times = {instant_of(event.occurred_at) for event in person.events}
    if person.created_at is not None:
        times.add(instant_of(person.created_at))

    spans = {span for node in nodes for span in _spans(node)}
    if world.retention is not None:
        spans.add(world.retention // MICROSECOND)
    points = {time + span + later for time in times for span in spans for later in (0, 1)}

    zone = Moment(person, world, 0).zone
    for node in nodes:
        if "calendar" in node:
            for time in times:
                # An instant of one period is looked at from the period `back` later, as long as that lasts.
                period = Period.holding(time, unit=node["calendar"], zone=zone).moved(node.get("back", 0))
                points |= {period.starts_at(zone=zone), period.moved(1).starts_at(zone=zone)}
    return points


def _nodes(part: Any, world: World) -> Iterator[dict[str, Any]]:
    """Every object inside a condition, those of its nested segments included."""
    if isinstance(part, dict):
        yield part
        if isinstance(part.get("segment"), str):
            yield from _nodes(world.segments[part["segment"]], world)
        for inner in part.values():
            yield from _nodes(inner, world)
    elif isinstance(part, list):
        for inner in part:
            yield from _nodes(inner, world)


def _spans(node: dict[str, Any]) -> set[int]:
    """The durations that stand directly in a node, and the sums of two of them; an unwritten `for` is 24h."""
    durations = [microseconds_of(value) for value in node.values() if is_duration(value)]
    if "then_not" in node and "for" not in node:
        durations.append(microseconds_of("24h"))
    return set(durations) | {one + other for one, other in combinations(durations, 2)}
