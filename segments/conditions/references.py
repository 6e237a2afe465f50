"""Conditions that name other segments: inlined before compilation, cycles and strangers refused when saved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from uuid import UUID

from segments.conditions import nodes
from segments.conditions.nodes import Node
from segments.conditions.parsing import ConditionError, Problem

MAX_EXPANDED_PARTS = 500  # a statement has 1,664 columns, and a part takes up to three of them
MAX_EXPANDED_DEPTH = 30


def references_in(node: Node) -> set[UUID]:
    """The segments that a condition names directly."""
    found: set[UUID] = set()

    def note(reference: nodes.Reference) -> Node:
        found.add(reference.segment_id)
        return reference

    _map_references(node, note)
    return found


def resolve(node: Node, definitions: Mapping[UUID, Node]) -> Node:
    """The condition with every reference replaced by what it refers to."""
    return _map_references(node, lambda reference: resolve(definitions[reference.segment_id], definitions))


def check_references(node: Node, *, own_id: UUID | None, definitions: Mapping[UUID, Node]) -> None:
    """Raise ConditionError for a segment that does not exist here, that leads back to `own_id`, or a sum too large.

    Definitions that stand are sound, so only what depends on the new one is measured again.
    """
    if unknown := references_in(node) - definitions.keys():
        raise ConditionError([Problem("segment", f"There is no segment {min(unknown)} in this workspace.")])
    fresh = own_id or UUID(int=0)
    after = {**definitions, fresh: node}
    if fresh in dependents_of(fresh, after):
        raise ConditionError([Problem("segment", "The condition leads back to this segment itself.")])
    for segment_id in {fresh} | dependents_of(fresh, after):
        size, depth = _measure(after[segment_id], after, {})
        if size > MAX_EXPANDED_PARTS or depth > MAX_EXPANDED_DEPTH:
            raise ConditionError([Problem("segment", "Together with the segments that it names this is too large.")])


def size_of(node: Node) -> int:
    """The number of parts of a reference-free condition."""
    return _measure(node, {}, {})[0]


def _measure(node: Node, definitions: Mapping[UUID, Node], known: dict[UUID, tuple[int, int]]) -> tuple[int, int]:
    """(parts, depth) of a condition with everything that it names written out, without writing it out."""
    match node:
        case nodes.All(parts=parts) | nodes.Any(parts=parts):
            measures = [_measure(part, definitions, known) for part in parts]
            return 1 + sum(size for size, _ in measures), 1 + max((depth for _, depth in measures), default=0)
        case nodes.Not(part=part):
            size, depth = _measure(part, definitions, known)
            return size + 1, depth + 1
        case nodes.Reference(segment_id=segment_id):
            if segment_id not in known:
                known[segment_id] = _measure(definitions[segment_id], definitions, known)
            return known[segment_id]
        case _:
            return 1, 1


def dependents_of(segment_id: UUID, definitions: Mapping[UUID, Node]) -> set[UUID]:
    """The segments whose answer depends on this one, directly or through others."""
    found: set[UUID] = set()
    waiting = {segment_id}
    while waiting:
        target = waiting.pop()
        for candidate, node in definitions.items():
            if candidate not in found and target in references_in(node):
                found.add(candidate)
                waiting.add(candidate)
    return found


def _map_references(node: Node, replace: Callable[[nodes.Reference], Node]) -> Node:
    match node:
        case nodes.All(parts=parts):
            return nodes.All(tuple(_map_references(part, replace) for part in parts))
        case nodes.Any(parts=parts):
            return nodes.Any(tuple(_map_references(part, replace) for part in parts))
        case nodes.Not(part=part):
            return nodes.Not(_map_references(part, replace))
        case nodes.Reference():
            return replace(node)
        case _:
            return node
