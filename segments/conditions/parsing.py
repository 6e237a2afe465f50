"""JSON to nodes; every problem is named with the path of the offending part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any as Anything
from typing import cast
from uuid import UUID

from segments.conditions import nodes
from segments.conditions.nodes import Filter, LocalTime, Node, Window
from segments.conditions.values import parse_duration, parse_number, parse_scalar, parse_time

MAX_DEPTH = 10
MAX_PARTS = 100
MAX_NODES = 300
MAX_LIST = 1000
MAX_TEXT = 1000
MAX_COUNT = 1_000_000
COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")
ORDERS = (">", ">=", "<", "<=", "before", "after")
SAME_AS = {"before": "<", "after": ">"}
NOT_YET = {
    "first", "last", "sequence", "sessions", "favourite", "score", "stage", "list", "bucket", "seen",
    "sum", "avg", "min", "max", "distinct", "periods", "on", "unchanged_for",
}  # fmt: skip
NOT_YET_OPERATORS = {"within", "anniversary", "in_tree"}
_LATER = "is part of the condition language but not available in this version yet."


@dataclass(frozen=True)
class Problem:
    """What is wrong, where (`all[0].where[1].op`), in a marketer's words."""

    path: str
    message: str


class ConditionError(ValueError):
    """The condition cannot be compiled; `problems` says where and why."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{problem.path or 'condition'}: {problem.message}" for problem in problems))
        self.problems = problems


def parse_condition(document: object) -> Node:
    """The node of a condition; raises ConditionError naming every problem found."""
    parser = _Parser()
    node = parser.node(document, "", 1)
    if parser.problems or node is None:
        raise ConditionError(parser.problems or [Problem("", "This is not a condition.")])
    return node


def parse_filters(document: object, path: str = "where") -> tuple[Filter, ...]:
    """The filters of a list of statements about an event; raises ConditionError."""
    parser = _Parser()
    filters = parser.filters(document, path)
    if parser.problems:
        raise ConditionError(parser.problems)
    return filters


def parse_names(document: object, path: str = "event") -> tuple[str, ...]:
    """The event names of a name or list of names; raises ConditionError."""
    parser = _Parser()
    names = parser.names(document, path)
    if parser.problems:
        raise ConditionError(parser.problems)
    return names


class _Parser:
    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.count = 0

    def problem(self, path: str, message: str) -> None:
        if len(self.problems) < 50:
            self.problems.append(Problem(path, message))

    def node(self, document: object, path: str, depth: int) -> Node | None:
        self.count += 1
        if self.count > MAX_NODES:
            if self.count == MAX_NODES + 1:
                self.problem(path, f"The condition has more than {MAX_NODES} parts. Split it into segments.")
            return None
        if depth > MAX_DEPTH:
            self.problem(path, f"Conditions can be nested {MAX_DEPTH} deep at most.")
            return None
        if not isinstance(document, dict):
            self.problem(path, 'A condition is an object such as {"did": "purchased"}.')
            return None
        builders: dict[str, Callable[[dict[str, Anything], str, int], Node | None]] = {
            "all": self.group, "any": self.group, "not": self.negation, "did": self.did,
            "trait": self.trait, "segment": self.reference,
        }  # fmt: skip
        heads = [key for key in document if key in builders]
        if len(heads) != 1:
            later = next((key for key in document if key in NOT_YET), None)
            if later and not heads:
                self.problem(_join(path, later), f"“{later}” {_LATER}")
            else:
                self.problem(path, f"A condition has exactly one of {', '.join(builders)}; here: {_some(document)}.")
            return None
        return builders[heads[0]](document, path, depth)

    def group(self, document: dict[str, Anything], path: str, depth: int) -> Node | None:
        key = "all" if "all" in document else "any"
        self.known(document, path, {key})
        parts = document[key]
        if not isinstance(parts, list) or len(parts) > MAX_PARTS:
            self.problem(_join(path, key), f"“{key}” takes a list of up to {MAX_PARTS} conditions.")
            return None
        children = tuple(
            child
            for index, part in enumerate(parts)
            if (child := self.node(part, f"{_join(path, key)}[{index}]", depth + 1)) is not None
        )
        return nodes.All(children) if key == "all" else nodes.Any(children)

    def negation(self, document: dict[str, Anything], path: str, depth: int) -> Node | None:
        self.known(document, path, {"not"})
        part = self.node(document["not"], _join(path, "not"), depth + 1)
        return nodes.Not(part) if part is not None else None

    def did(self, document: dict[str, Anything], path: str, depth: int) -> Node | None:
        if "then_not" in document:
            return self.then_not(document, path)
        self.known(document, path, {"did", "where", "count", "within"})
        events = self.events(document, path)
        op, count = self.comparison(document.get("count", {"op": ">=", "value": 1}), _join(path, "count"))
        window = self.window(document["within"], _join(path, "within")) if "within" in document else nodes.Rolling()
        return nodes.Did(events, cast(nodes.Comparison, op), count, window)

    def then_not(self, document: dict[str, Anything], path: str) -> Node | None:
        self.known(document, path, {"did", "where", "then_not", "after", "for"})
        events = self.events(document, path)
        absent_path = _join(path, "then_not")
        absent = document["then_not"]
        if not isinstance(absent, dict) or "did" not in absent:
            self.problem(absent_path, '“then_not” takes an object such as {"did": "purchased"}.')
            return None
        self.known(absent, absent_path, {"did", "where", "same"})
        same = absent.get("same", [])
        if not isinstance(same, list) or len(same) > 10:
            self.problem(_join(absent_path, "same"), "“same” takes a list of up to 10 property names.")
            same = []
        paths = [self.property_path(name, f"{_join(absent_path, 'same')}[{i}]") for i, name in enumerate(same)]
        return nodes.ThenNot(
            events=events,
            absent=self.events(absent, absent_path),
            same=tuple(path for path, _ in paths),
            same_in_context=tuple(in_context for _, in_context in paths),
            after=self.duration(document.get("after"), _join(path, "after"), zero=True),
            for_=self.duration(document.get("for", "24h"), _join(path, "for")),
        )

    def trait(self, document: dict[str, Anything], path: str, depth: int) -> Node | None:
        self.known(document, path, {"trait", "op", "value"})
        name = document["trait"]
        if not isinstance(name, str) or not name or len(name) > MAX_TEXT or "\x00" in name:
            self.problem(_join(path, "trait"), 'Name a trait, such as "city" or "address.city".')
            return None
        op, value = self.statement(document, path)
        return nodes.Trait(Filter(path=split_path(name), op=op, value=value))

    def reference(self, document: dict[str, Anything], path: str, depth: int) -> Node | None:
        self.known(document, path, {"segment"})
        try:
            return nodes.Reference(UUID(document["segment"]))
        except (ValueError, TypeError, AttributeError):
            self.problem(_join(path, "segment"), "A segment is named by its id.")
            return None

    def events(self, document: dict[str, Anything], path: str) -> nodes.Events:
        return nodes.Events(
            self.names(document.get("did"), _join(path, "did")),
            self.filters(document.get("where", []), _join(path, "where")),
        )

    def names(self, document: object, path: str) -> tuple[str, ...]:
        names = document if isinstance(document, list) else [document]
        if not names or len(names) > MAX_PARTS:
            self.problem(path, f"Give an event name or a list of 1 to {MAX_PARTS} names.")
        for name in names:
            if not isinstance(name, str) or not name or len(name) > 200 or "\x00" in name:
                self.problem(path, "An event name is a text of 1 to 200 characters.")
                return ()
        return tuple(sorted(set(names)))

    def filters(self, document: object, path: str) -> tuple[Filter, ...]:
        if not isinstance(document, list) or len(document) > MAX_PARTS:
            self.problem(path, f"Filters are a list of up to {MAX_PARTS} statements.")
            return ()
        return tuple(parsed for index, part in enumerate(document) if (parsed := self.filter(part, f"{path}[{index}]")))

    def filter(self, document: object, path: str) -> Filter | None:
        if not isinstance(document, dict):
            self.problem(path, 'A filter is an object such as {"property": "price", "op": ">", "value": 10}.')
            return None
        self.known(document, path, {"property", "op", "value"})
        where, in_context = self.property_path(document.get("property"), _join(path, "property"))
        op, value = self.statement(document, path)
        return Filter(path=where, op=op, value=value, in_context=in_context)

    def property_path(self, name: object, path: str) -> tuple[tuple[str, ...], bool]:
        if not isinstance(name, str) or not name or len(name) > MAX_TEXT or "\x00" in name:
            self.problem(path, 'Name a property, such as "price" or "context.page.path".')
            return ("",), False
        parts = split_path(name)
        return (parts[1:], True) if len(parts) > 1 and parts[0] == "context" else (parts, False)

    def statement(
        self, document: dict[str, Anything], path: str
    ) -> tuple[str, nodes.Scalar | LocalTime | tuple[nodes.Scalar | LocalTime, ...] | None]:
        op, value, at = document.get("op"), document.get("value"), _join(path, "value")
        if op in ("exists", "not_exists"):
            if "value" in document:
                self.problem(at, f"“{op}” takes no value.")
            return cast(str, op), None
        if op in ("in", "not_in"):
            return cast(str, op), self.literals(value, at)
        if op == "between":
            if not isinstance(value, list) or len(value) != 2:
                self.problem(at, "“between” takes a list of two values: [lowest, highest].")
                return "between", None
            low, high = (self.ordered(item, f"{at}[{index}]") for index, item in enumerate(value))
            if low is not None and high is not None and type(low) is not type(high):
                self.problem(at, "Both ends must be numbers, or both times.")
                return "between", None
            return "between", (cast(LocalTime, low), cast(LocalTime, high))
        if op in ORDERS:
            literal = self.ordered(value, at)
            if op in SAME_AS and isinstance(literal, Decimal):
                self.problem(at, f"“{op}” takes a time such as 2026-01-31 or 2026-01-31T09:00.")
            return SAME_AS.get(cast(str, op), cast(str, op)), literal
        if op in ("=", "!=", "contains", "not_contains", "starts_with", "ends_with"):
            scalar = parse_scalar(value)
            if scalar is None:
                self.problem(at, "Give a text, a number, or true or false. To ask for nothing use “not_exists”.")
            elif op in ("starts_with", "ends_with") and not isinstance(scalar, str):
                self.problem(at, f"“{op}” takes a text.")
            return cast(str, op), scalar
        if isinstance(op, str) and (op in NOT_YET_OPERATORS or op.startswith("version_")):
            self.problem(_join(path, "op"), f"“{op}” {_LATER}")
        else:
            self.problem(_join(path, "op"), "Unknown operator. Known: = != > >= < <= between in not_in contains "
                         "not_contains starts_with ends_with exists not_exists before after.")  # fmt: skip
        return "", None

    def literals(self, value: object, path: str) -> tuple[nodes.Scalar, ...]:
        if not isinstance(value, list) or not 1 <= len(value) <= MAX_LIST:
            self.problem(path, f"Give a list of 1 to {MAX_LIST} values.")
            return ()
        scalars = [parse_scalar(item) for item in value]
        for index, scalar in enumerate(scalars):
            if scalar is None:
                self.problem(f"{path}[{index}]", "Give a text, a number, or true or false.")
        # The type takes part: True, "true" and 1 are different literals though Python finds some of them equal.
        unique = {(type(scalar).__name__, scalar): scalar for scalar in scalars if scalar is not None}
        return tuple(unique.values())

    def ordered(self, value: object, path: str) -> Decimal | LocalTime | None:
        scalar = parse_scalar(value)
        number = parse_number(scalar) if scalar is not None and not isinstance(scalar, bool) else None
        if number is not None:
            return number
        time = parse_time(value)
        if time is not None:
            return time
        if isinstance(value, str) and parse_duration(value.lstrip("-")) is not None:
            self.problem(path, f"A relative time such as “{value}” {_LATER}")
        else:
            self.problem(path, "Give a number, or a time such as 2026-01-31 or 2026-01-31T09:00+09:00.")
        return None

    def comparison(self, document: object, path: str) -> tuple[str, int]:
        if not isinstance(document, dict):
            self.problem(path, '“count” is an object such as {"op": ">=", "value": 2}.')
            return ">=", 1
        self.known(document, path, {"op", "value"})
        op, value = document.get("op", ">="), document.get("value")
        if op not in COMPARISONS:
            self.problem(_join(path, "op"), f"Known comparisons: {' '.join(COMPARISONS)}.")
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_COUNT:
            self.problem(_join(path, "value"), f"Give a whole number from 0 to {MAX_COUNT:,}.")
            return ">=", 1
        return op, value

    def window(self, document: object, path: str) -> Window:
        if isinstance(document, str):
            return nodes.Rolling(last=self.duration(document, path))
        keys = set(document) if isinstance(document, dict) else set()
        document = cast(dict[str, Anything], document)
        if keys in ({"last", "before"}, {"last"}, {"before"}):
            last = self.duration(document["last"], _join(path, "last")) if "last" in keys else None
            before = self.duration(document["before"], _join(path, "before")) if "before" in keys else timedelta(0)
            if last is not None and before >= last:
                self.problem(path, "“last” must reach further back than “before”.")
            return nodes.Rolling(last=last, before=before)
        if keys and keys <= {"from", "to"}:
            start = self.time(document["from"], _join(path, "from")) if "from" in keys else None
            end = self.time(document["to"], _join(path, "to")) if "to" in keys else None
            if start and end and _not_before(start.instant, end.instant):
                self.problem(path, "“from” must be earlier than “to”.")
            return nodes.Fixed(start, end)
        if keys and keys <= {"calendar", "back"} and "calendar" in keys:
            back = document.get("back", 0)
            if document["calendar"] not in ("day", "week", "month", "year"):
                self.problem(_join(path, "calendar"), "Known calendar units: day, week, month, year.")
                return nodes.Rolling()
            if isinstance(back, bool) or not isinstance(back, int) or not 0 <= back <= 1200:
                self.problem(_join(path, "back"), "Give a whole number from 0 (this one) to 1,200.")
                return nodes.Rolling()
            return nodes.Calendar(document["calendar"], back)
        self.problem(
            path,
            'A window is "30d", {"last": "30d", "before": "7d"}, {"before": "30d"}, '
            '{"from": "2026-01-01", "to": "2026-02-01"} or {"calendar": "month", "back": 0}.',
        )
        return nodes.Rolling()

    def duration(self, text: object, path: str, *, zero: bool = False) -> timedelta:
        duration = parse_duration(text)
        if duration is None or (not duration and not zero):
            self.problem(path, "Give a duration such as 30s, 10m, 24h, 7d or 4w.")
            return timedelta(seconds=1)
        return duration

    def time(self, text: object, path: str) -> LocalTime | None:
        time = parse_time(text)
        if time is None:
            self.problem(path, "Give a day such as 2026-01-31 or a time such as 2026-01-31T09:00.")
        return time

    def known(self, document: dict[str, Anything], path: str, allowed: set[str]) -> None:
        for key in document:
            if key in allowed:
                continue
            if key in NOT_YET:
                self.problem(_join(path, key), f"“{key}” {_LATER}")
            else:
                self.problem(_join(path, str(key)[:50]), f"Unknown key. Known here: {', '.join(sorted(allowed))}.")


def split_path(text: str) -> tuple[str, ...]:
    """`a.b\\.c` as ("a", "b.c")."""
    parts, current, escaped = [], "", False
    for character in text:
        if escaped:
            current += character if character == "." else f"\\{character}"
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == ".":
            parts.append(current)
            current = ""
        else:
            current += character
    return (*parts, current + ("\\" if escaped else ""))


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _some(document: dict[str, Anything]) -> str:
    return ", ".join(str(key)[:30] for key in list(document)[:5]) or "nothing"


def _not_before(start: datetime, end: datetime) -> bool:
    if start.tzinfo is None or end.tzinfo is None:
        start, end = start.replace(tzinfo=None), end.replace(tzinfo=None)
    return start >= end
