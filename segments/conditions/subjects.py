"""What a condition is about: it can change only with facts about one of its subjects, or with time."""

from __future__ import annotations

from typing import assert_never

from events.news import TRAITS, about_event
from segments.conditions import nodes
from segments.conditions.nodes import Node


def subjects_of(node: Node) -> frozenset[str]:
    """The subjects, as `events.news` names them, of a reference-free condition."""
    match node:
        case nodes.All(parts=parts) | nodes.Any(parts=parts):
            return frozenset().union(*map(subjects_of, parts))
        case nodes.Not(part=part):
            return subjects_of(part)
        case nodes.Did(events=events):
            return frozenset(map(about_event, events.names))
        case nodes.ThenNot(events=events, absent=absent):
            return frozenset(map(about_event, (*events.names, *absent.names)))
        case nodes.Trait():
            return frozenset({TRAITS})
        case nodes.Reference():
            raise AssertionError("references are resolved before")
        case _:
            assert_never(node)
