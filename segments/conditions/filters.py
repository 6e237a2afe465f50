"""Statements about one value as SQL.

The value is a jsonb expression over a *normalised* document. Every predicate is true or false, never NULL: a missing
value or a wrong type is false, and the negative forms hold for present values alone (rules 1 and 5).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias
from zoneinfo import ZoneInfo

from segments.conditions.nodes import Filter, LocalTime, Scalar
from segments.conditions.parameters import Parameters
from segments.conditions.values import instant_of

_ORDERS = {">", ">=", "<", "<="}


Share: TypeAlias = Callable[[str], str]
"""How an expression is read that other filters may read too: as it is, or from a column that holds it."""


def _as_it_is(expression: str) -> str:
    return expression


def event_filter_sql(
    filters: Iterable[Filter],
    *,
    properties: str,
    context: str,
    zone: ZoneInfo,
    parameters: Parameters,
    share: Share = _as_it_is,
) -> str:
    """All filters over an event's normalised documents, e.g. `coalesce(e.properties_normal, e.properties)`."""
    predicates = [
        filter_sql(f, document=context if f.in_context else properties, zone=zone, parameters=parameters, share=share)
        for f in filters
    ]
    return " AND ".join(predicates) or "TRUE"


def filter_sql(f: Filter, *, document: str, zone: ZoneInfo, parameters: Parameters, share: Share = _as_it_is) -> str:
    """One statement about `document` at the filter's path."""
    value = value_at(f.path, document=document, parameters=parameters)
    predicate = _predicate(f, _Value(value, share), zone, parameters)
    return f"coalesce({predicate}, FALSE)"


def value_at(path: tuple[str, ...], *, document: str, parameters: Parameters) -> str:
    """The jsonb expression of a dotted path; it leads through objects alone."""
    return f"({document} -> {' -> '.join(parameters.add(step, 'text') for step in path)})"


@dataclass(frozen=True)
class _Value:
    """A jsonb expression; each time that it is written out, or one of its readings is, it is shared anew."""

    expression: str
    share: Share

    def __str__(self) -> str:
        return self.share(self.expression)

    @property
    def number(self) -> str:
        return self.share(f"segments_number({self.expression})")

    def time(self, zone: str) -> str:
        return self.share(f"segments_time({self.expression}, {zone})")


def _predicate(f: Filter, value: _Value, zone: ZoneInfo, parameters: Parameters) -> str:
    present = f"segments_is_present({value})"
    match f.op:
        case "exists":
            return present
        case "not_exists":
            return f"NOT {present}"
        case "=":
            return _equals_any([_scalar(f.value)], value, parameters)
        case "!=":
            return f"{present} AND NOT coalesce({_equals_any([_scalar(f.value)], value, parameters)}, FALSE)"
        case "in":
            return _in(f, value, parameters)
        case "not_in":
            return f"{present} AND NOT coalesce({_in(f, value, parameters)}, FALSE)"
        case "contains":
            return _contains(_scalar(f.value), value, parameters)
        case "not_contains":
            return f"{present} AND NOT coalesce({_contains(_scalar(f.value), value, parameters)}, FALSE)"
        case "starts_with":
            return f"{_is_text(value)} AND starts_with({_text(value)}, {parameters.add(f.value, 'text')})"
        case "ends_with":
            return f"{_is_text(value)} AND right({_text(value)}, length({parameters.add(f.value, 'text')})) = " \
                   f"{parameters.add(f.value, 'text')}"  # fmt: skip
        case "between":
            assert isinstance(f.value, tuple)
            low, high = f.value
            return f"{_ordered(value, '>=', low, zone, parameters)} AND {_ordered(value, '<=', high, zone, parameters)}"
        case op if op in _ORDERS:
            return _ordered(value, op, f.value, zone, parameters)
    raise AssertionError(f"unparsed operator {f.op!r}")


def _scalar(value: object) -> Scalar:
    assert isinstance(value, str | bool | Decimal)
    return value


def _is_text(value: _Value) -> str:
    return f"jsonb_typeof({value}) = 'string'"


def _text(value: _Value) -> str:
    return f"({value} #>> '{{}}')"


def _equals_any(literals: Iterable[Scalar], value: _Value, parameters: Parameters) -> str:
    documents: list[object] = []
    numbers: list[Decimal] = []
    for literal in literals:
        if isinstance(literal, Decimal):
            numbers.append(literal)
        elif isinstance(literal, bool) or literal in ("true", "false"):
            truth = literal in (True, "true")
            documents += [truth, "true" if truth else "false"]
        else:
            documents.append(literal)
    predicates = []
    if documents:
        texts = [json.dumps(document) for document in documents]
        predicates.append(f"{value} = ANY({parameters.add(texts, 'text[]')}::jsonb[])")
    if numbers:
        predicates.append(f"{value.number} = ANY({parameters.add(numbers, 'numeric[]')})")
    return f"({' OR '.join(predicates)})"


def _any_element(literals: Iterable[Scalar], value: _Value, parameters: Parameters) -> str:
    equal = _equals_any(literals, _Value("element", _as_it_is), parameters)
    return (
        f"CASE WHEN jsonb_typeof({value}) = 'array' THEN "
        f"EXISTS (SELECT FROM jsonb_array_elements({value}) AS element WHERE {equal})"
    )


def _in(f: Filter, value: _Value, parameters: Parameters) -> str:
    literals = [_scalar(literal) for literal in f.value]  # type: ignore[union-attr]
    return f"{_any_element(literals, value, parameters)} ELSE {_equals_any(literals, value, parameters)} END"


def _contains(literal: Scalar, value: _Value, parameters: Parameters) -> str:
    part = "FALSE"
    if isinstance(literal, str):
        part = f"{_is_text(value)} AND strpos({_text(value)}, {parameters.add(literal, 'text')}) > 0"
    return f"{_any_element([literal], value, parameters)} ELSE {part} END"


def _ordered(value: _Value, op: str, literal: object, zone: ZoneInfo, parameters: Parameters) -> str:
    if isinstance(literal, LocalTime):
        fact = value.time(parameters.add(zone.key, "text"))
        return f"{fact} {op} {parameters.add(instant_of(literal, zone), 'timestamptz')}"
    return f"{value.number} {op} {parameters.add(literal, 'numeric')}"
