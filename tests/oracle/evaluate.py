"""The naive evaluator: whether one person satisfies a condition as of one instant.

Written from the specification for clarity alone; it looks at the whole history for every node. A further node
is one function in `NODES`. A key that a node does not know raises: half an answer would be a wrong one.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from tests.oracle.facts import Condition, Event, Json, Person, World
from tests.oracle.times import MICROSECOND, instant_of, microseconds_of
from tests.oracle.values import keys_of, same_value, satisfies, value_at
from tests.oracle.windows import in_window

COUNT_OPERATORS: dict[str, Callable[[int, int], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Moment:
    """A person as of an instant: nothing later has happened, nothing older than the retention exists."""

    person: Person
    world: World
    now: int

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.world.time_zone)

    def events(self) -> list[Event]:
        """The events that exist (rules 8 and 9a); the retention's end is closed."""
        existing = []
        for event in self.person.events:
            at = instant_of(event.occurred_at)
            retention = self.world.retention
            if at <= self.now and (retention is None or at >= self.now - retention // MICROSECOND):
                existing.append(event)
        return existing


def is_member(*, condition: Condition, person: Person, world: World, now: datetime) -> bool:
    """Whether the person satisfies the condition as of `now`."""
    return holds(condition, Moment(person, world, instant_of(now)))


def holds(condition: Condition, moment: Moment) -> bool:
    """Whether the condition holds at the moment."""
    for key, rule in NODES.items():
        if key in condition:
            return rule(condition, moment)
    raise NotImplementedError(f"node {condition!r}")


# ---- nodes


def _all(node: Condition, moment: Moment) -> bool:
    _refuse_other_keys(node, "all")
    return all(holds(part, moment) for part in node["all"])


def _any(node: Condition, moment: Moment) -> bool:
    _refuse_other_keys(node, "any")
    return any(holds(part, moment) for part in node["any"])


def _not(node: Condition, moment: Moment) -> bool:
    _refuse_other_keys(node, "not")
    return not holds(node["not"], moment)


def _did(node: Condition, moment: Moment) -> bool:
    _refuse_other_keys(node, "did", "where", "count", "within")
    matching = 0
    for event in moment.events():
        in_time = in_window(
            instant=instant_of(event.occurred_at), window=node.get("within"), now=moment.now, zone=moment.zone
        )
        if in_time and _matches(event, node, moment):
            matching += 1
    count = node.get("count", {"op": ">=", "value": 1})
    return COUNT_OPERATORS[count["op"]](matching, count["value"])


def _then_not(node: Condition, moment: Moment) -> bool:
    _refuse_other_keys(node, "did", "where", "then_not", "after", "for")
    second = node["then_not"]
    _refuse_other_keys(second, "did", "where", "same")
    for first in moment.events():
        if not _matches(first, node, moment):
            continue
        begins = instant_of(first.occurred_at) + microseconds_of(node["after"])
        ends = begins + microseconds_of(node.get("for", "24h"))
        if begins <= moment.now < ends and not _was_followed(first, second, moment):
            return True
    return False


def _was_followed(first: Event, second: Condition, moment: Moment) -> bool:
    for event in moment.events():
        if (
            event.message_id != first.message_id
            and event.occurred_at >= first.occurred_at
            and _matches(event, second, moment)
            and all(same_value(_property(event, path), _property(first, path)) for path in second.get("same", []))
        ):
            return True
    return False


def _trait(node: Condition, moment: Moment) -> bool:
    _refuse_other_keys(node, "trait", "op", "value")
    fact = value_at(moment.person.traits, keys_of(node["trait"]))
    return satisfies(fact=fact, op=node["op"], literal=node.get("value"), zone=moment.zone)


def _segment(node: Condition, moment: Moment) -> bool:
    _refuse_other_keys(node, "segment")
    return holds(moment.world.segments[node["segment"]], moment)


# The first of these keys in a node names it, so what refines `did`, as `then_not` does, stands before it.
NODES: dict[str, Callable[[Condition, Moment], bool]] = {
    "all": _all,
    "any": _any,
    "not": _not,
    "then_not": _then_not,
    "did": _did,
    "trait": _trait,
    "segment": _segment,
}


# ---- events


def _matches(event: Event, node: Condition, moment: Moment) -> bool:
    """Whether the event has one of the node's names and passes its filters; names are exact (rule 7)."""
    names = node["did"] if isinstance(node["did"], list) else [node["did"]]
    if event.name not in names:
        return False
    for test in node.get("where", []):
        _refuse_other_keys(test, "property", "op", "value")
        fact = _property(event, test["property"])
        if not satisfies(fact=fact, op=test["op"], literal=test.get("value"), zone=moment.zone):
            return False
    return True


def _property(event: Event, path: str) -> Json:
    """The value a path addresses; `context.` leads into the context, `context` alone is a property."""
    keys = keys_of(path)
    if keys[0] == "context" and len(keys) > 1:
        return value_at(event.context, keys[1:])
    return value_at(event.properties, keys)


def _refuse_other_keys(node: Mapping[str, Json], *known: str) -> None:
    unknown = set(node) - set(known)
    if unknown:
        raise NotImplementedError(f"{sorted(unknown)} in {node!r}")
