"""The one evaluator: a set of conditions becomes one statement with one scan of the people's events.

It yields `(person_id, condition key, is_member, valid_until)` for everybody in scope as of one instant. Equal parts of
all conditions are computed once. Each level of nesting is a derived table fenced by OFFSET 0, so that the planner does
not multiply shared expressions out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any as Anything
from typing import assert_never
from uuid import UUID

from segments.conditions import nodes
from segments.conditions.filters import event_filter_sql, filter_sql, value_at
from segments.conditions.knowledge import Knowledge, Past, Present
from segments.conditions.nodes import Node
from segments.conditions.parameters import Parameters
from segments.conditions.questions import Everyone, Question, Scope, Setting, Template
from segments.conditions.windows import MICROSECOND, Bounds

FAR = datetime(9999, 12, 31, tzinfo=UTC)
"""valid_until of an answer that time alone never changes (`infinity` cannot be loaded by the driver)."""
PROPERTIES = "coalesce(e.properties_normal, e.properties)"
CONTEXT = "coalesce(e.context_normal, e.context)"


@dataclass(frozen=True)
class Key:
    """What an answer belongs to: a segment in one of its versions."""

    segment_id: UUID
    version: int


@dataclass(frozen=True)
class Query:
    """A SELECT of `person_id, segment_id, version, is_member, valid_until`, and its values."""

    template: Template
    values: dict[str, Anything]

    @property
    def sql(self) -> str:
        return self.template.sql


class Portion(dict[Key, Node]):
    """Conditions of one statement, which is written once for each shape of question; never changed."""

    def __init__(self, conditions: Mapping[Key, Node]) -> None:
        super().__init__(conditions)
        self.written: dict[tuple[object, ...], Template] = {}


def compile_conditions(conditions: Mapping[Key, Node], *, setting: Setting, scope: Scope) -> Query:
    """The statement that evaluates the (reference-free) conditions for everybody in scope.

    What depends on the instant and on the people is filled in last, so a Portion's statement serves again and again.
    """
    written = conditions.written if isinstance(conditions, Portion) else {}
    shape = (setting.tenant_id, setting.zone.key, setting.retention, setting.known_at is None, type(scope))
    template = written.get(shape)
    if template is None:
        template = written[shape] = _Compiler(setting, scope).template(conditions)
    return Query(template, template.fill(Question(setting, scope)))


@dataclass
class _Compiled:
    level: int
    index: int

    @property
    def truth(self) -> str:
        return f"t{self.index}"

    @property
    def until(self) -> str:
        return f"u{self.index}"


@dataclass
class _Shared:
    """What flags may share of an event: by how many it is read, and of events with which names."""

    index: int
    uses: int = 0
    names: set[str] = field(default_factory=set)

    @property
    def column(self) -> str:
        return f"e.v{self.index}"


_SHARED = re.compile(r"\be\.v\d+\b")


class _Compiler:
    def __init__(self, setting: Setting, scope: Scope) -> None:
        self.setting = setting
        self.asked = Question(setting, scope)
        self.parameters = Parameters()
        tenant = self.parameters.add(setting.tenant_id, "uuid")
        people = None
        if not isinstance(scope, Everyone):
            people = self.parameters.add_late("people", "uuid[]", lambda question: question.person_ids)
        self.now = self.parameters.add_late("now", "timestamptz", lambda question: question.setting.now)
        self.known: Knowledge
        if setting.known_at is None:
            self.known = Present(tenant=tenant, people=people)
        else:
            known_at = self.parameters.add_late("known", "timestamptz", lambda question: question.setting.known_at)
            self.known = Past(
                tenant=tenant, people=people, as_of=self.now, known_at=known_at, parameters=self.parameters
            )
        self.far = self.parameters.add(FAR, "timestamptz")
        self.done: dict[str, _Compiled] = {}
        self.levels: list[list[str]] = [[]]
        self.flags: dict[str, str] = {}  # predicate over an event → its column in the scan
        self.values: dict[str, _Shared] = {}  # expression over an event that flags share
        self.keys: dict[str, str] = {}  # `same` key → its column
        self.aggregates: dict[str, str] = {}  # aggregate expression → its column
        self.joins: list[str] = []
        self.ctes: list[str] = []
        self.names: set[str] = set()
        self.windows: list[nodes.Window] = []

    def template(self, conditions: Mapping[Key, Node]) -> Template:
        compiled = {key: self.node(node) for key, node in conditions.items()}
        source = self.leaves()
        for level in self.levels[1:]:
            source = f"SELECT l.*, {', '.join(level)} FROM ({source} OFFSET 0) l"
        rows = ", ".join(
            f"({self.parameters.add(key.segment_id, 'uuid')}, {self.parameters.add(key.version, 'integer')}, "
            f"l.{result.truth}, l.{result.until})"
            for key, result in compiled.items()
        )
        ctes = [*self.known.ctes(), *self.ctes]
        with_ = f"WITH RECURSIVE {', '.join(ctes)} " if ctes else ""
        sql = (
            f"{with_}SELECT l.person_id, r.segment_id, r.version, r.is_member, r.valid_until "
            f"FROM ({source} OFFSET 0) l CROSS JOIN LATERAL (VALUES {rows}) "
            "AS r(segment_id, version, is_member, valid_until)"
        )
        return Template(sql, self.parameters)

    # --- nodes ------------------------------------------------------------------------------------

    def node(self, node: Node) -> _Compiled:
        """The columns of a node; equal nodes share them (by repr: True, 1 and Decimal(1) are equal to Python)."""
        known = self.done.get(repr(node))
        if known is None:
            known = self.done[repr(node)] = self.compile(node)
        return known

    def compile(self, node: Node) -> _Compiled:
        match node:
            case nodes.All():
                return self.group(node.parts, all_of=True)
            case nodes.Any():
                return self.group(node.parts, all_of=False)
            case nodes.Not():
                part = self.node(node.part)
                return self.column(part.level + 1, f"NOT {part.truth}", part.until)
            case nodes.Did():
                return self.did(node)
            case nodes.ThenNot():
                return self.then_not(node)
            case nodes.Trait():
                document = self.known.trait_document(node.filter.path[0])
                truth = filter_sql(node.filter, document=document, zone=self.setting.zone, parameters=self.parameters)
                return self.column(0, truth, self.far)
            case nodes.Reference():
                raise AssertionError("references are resolved before compilation")
            case _:
                assert_never(node)

    def group(self, parts: tuple[Node, ...], *, all_of: bool) -> _Compiled:
        if not parts:
            return self.column(0, "TRUE" if all_of else "FALSE", self.far)
        children = [self.node(part) for part in parts]
        truth = f"({(' AND ' if all_of else ' OR ').join(child.truth for child in children)})"
        least = f"LEAST({', '.join(child.until for child in children)})"
        deciding = "NOT " if all_of else ""
        greatest = ", ".join(f"CASE WHEN {deciding}{child.truth} THEN {child.until} END" for child in children)
        holds, fails = (least, f"GREATEST({greatest})") if all_of else (f"GREATEST({greatest})", least)
        return self.column(
            1 + max(child.level for child in children), truth, f"CASE WHEN {truth} THEN {holds} ELSE {fails} END"
        )

    def did(self, node: nodes.Did) -> _Compiled:
        bounds = self.bounds(node.window)
        flag = self.flag(node.events)
        inside = self.inside(flag, node.window)
        count = self.aggregate(f"count(*) FILTER (WHERE {inside})")
        truth = f"(coalesce({count}, 0) {'<>' if node.op == '!=' else node.op} {int(node.count)})"
        if bounds.only_leaves and bounds.leaves_at_age is not None:
            return self.column(0, truth, self.until_leaving(node, count, inside, bounds.leaves_at_age))
        return self.column(0, truth, self.until_moving(flag, node.window))

    def until_leaving(self, node: nodes.Did, count: str, inside: str, age: timedelta) -> str:
        """When the count, which time can only lower, reaches the next value for which the answer differs."""
        least = {">=": node.count, ">": node.count + 1, "<=": node.count + 1, "<": node.count}.get(node.op)
        if least is not None:  # the answer turns when the count falls from `least` to one less
            if least < 1:
                return self.far
            return f"coalesce({self.newest(least, inside)} + {self.interval(age)}, {self.far})"
        fewer = f"{self.newest(node.count, inside)} + {self.interval(age)}" if node.count else self.far
        return (
            f"CASE WHEN coalesce({count}, 0) > {int(node.count)}"
            f" THEN {self.newest(node.count + 1, inside)} + {self.interval(age)}"
            f" WHEN coalesce({count}, 0) = {int(node.count)} THEN {fewer} ELSE {self.far} END"
        )

    def until_moving(self, flag: str, window: nodes.Window) -> str:
        """The next instant at which any of the events enters or leaves the window, or the window itself jumps."""
        bounds = self.bounds(window)
        instants = [self.far]
        if bounds.changes_at is not None:
            instants.append(self.bound(window, "changes_at"))
        for age in filter(None, [bounds.enters_at_age, bounds.leaves_at_age]):
            younger = f"e.t > {self.now} - {self.interval(age)}"
            oldest = self.aggregate(f"min(e.t) FILTER (WHERE {flag} AND {younger})")
            instants.append(f"{oldest} + {self.interval(age)}")
        return f"LEAST({', '.join(instants)})"

    def then_not(self, node: nodes.ThenNot) -> _Compiled:
        life = node.after + node.for_
        retention = self.setting.retention
        if retention is not None:
            life = min(life, retention + MICROSECOND)
        self.bounds(nodes.Rolling(last=node.after + node.for_))
        present, absent = self.flag(node.events), self.flag(node.absent)
        key = ""
        if node.same:
            key = f", e.{self.keys.setdefault(self.same_key(node), f'k{len(self.keys)}')}"
        name = f"tn{len(self.joins)}"
        after, end = self.interval(node.after), self.interval(life)
        # An X is excused when another Y of its key lies in [t, now]: peers of equal time count, itself does not.
        self.ctes.append(
            f"{name} AS MATERIALIZED (SELECT w.person_id,"
            f" max(w.t + {end}) FILTER (WHERE w.t + {after} <= {self.now}) AS ends,"
            f" min(w.t + {after}) FILTER (WHERE w.t + {after} > {self.now}) AS begins"
            f" FROM (SELECT e.person_id, e.t, {present} AS is_x,"
            f" count(*) FILTER (WHERE {absent}) OVER (PARTITION BY e.person_id{key} ORDER BY e.t"
            f" RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) - ({absent})::int AS excuses"
            f" FROM ev e WHERE ({present} OR {absent}) AND e.t + {end} > {self.now}) w"
            f" WHERE w.is_x AND w.excuses = 0 GROUP BY w.person_id)"
        )
        self.joins.append(f"LEFT JOIN {name} ON {name}.person_id = p.person_id")
        truth = f"({name}.ends IS NOT NULL)"
        return self.column(0, truth, f"coalesce({name}.ends, {name}.begins, {self.far})")

    def same_key(self, node: nodes.ThenNot) -> str:
        """One comparable value per event: missing equals missing, a boolean its text, lists and objects nothing."""
        parts = []
        for path, in_context in zip(node.same, node.same_in_context, strict=True):
            value = value_at(path, document=CONTEXT if in_context else PROPERTIES, parameters=self.parameters)
            parts.append(
                f"CASE WHEN NOT segments_is_present({value}) THEN 'null'::jsonb "
                f"ELSE CASE jsonb_typeof({value}) WHEN 'boolean' THEN to_jsonb({value} #>> '{{}}') "
                f"WHEN 'array' THEN jsonb_build_object('only', e.event_id) "
                f"WHEN 'object' THEN jsonb_build_object('only', e.event_id) ELSE {value} END END"
            )
        names = self.parameters.add(sorted({*node.events.names, *node.absent.names}), "text[]")
        return f"CASE WHEN e.name = ANY({names}) THEN jsonb_build_array({', '.join(parts)}) END"

    # --- the scan -----------------------------------------------------------------------------------

    def bounds(self, window: nodes.Window) -> Bounds:
        """As of now: which of them there are is the same at any time."""
        self.windows.append(window)
        return self.asked.bounds(window)

    def bound(self, window: nodes.Window, name: str) -> str:
        """The placeholder of one bound of the window."""
        return self.parameters.add_late(
            f"{window!r} {name}", "timestamptz", lambda question: getattr(question.bounds(window), name)
        )

    def flag(self, events: nodes.Events) -> str:
        """The scan's column that says whether an event is one of these."""
        self.names.update(events.names)
        if repr(events) not in self.flags:
            where = event_filter_sql(
                events.where,
                properties=PROPERTIES,
                context=CONTEXT,
                zone=self.setting.zone,
                parameters=self.parameters,
                share=lambda expression: self.shared(expression, events.names),
            )
            if len(events.names) == 1:
                is_named = f"e.name = {self.parameters.add(events.names[0], 'text')}"
            else:
                is_named = f"e.name = ANY({self.parameters.add(list(events.names), 'text[]')})"
            self.flags[repr(events)] = f"({is_named} AND {where})"
        return f"e.f{list(self.flags).index(repr(events))}"

    def shared(self, expression: str, names: tuple[str, ...]) -> str:
        """The column of what several flags may read of events with these names."""
        value = self.values.setdefault(expression, _Shared(len(self.values)))
        value.names.update(names)
        value.uses += 1
        return value.column

    def inside(self, flag: str, window: nodes.Window) -> str:
        bounds = self.bounds(window)
        limits = {"after": ">", "since": ">=", "until": "<=", "below": "<"}
        present = [(name, op) for name, op in limits.items() if getattr(bounds, name) is not None]
        return " AND ".join([flag, *(f"e.t {op} {self.bound(window, name)}" for name, op in present)])

    def newest(self, nth: int, inside: str) -> str:
        """The time of the nth newest event inside."""
        if nth == 1:
            return self.aggregate(f"max(e.t) FILTER (WHERE {inside})")
        return self.aggregate(f"(array_agg(e.t ORDER BY e.t DESC) FILTER (WHERE {inside}))[{int(nth)}]")

    def aggregate(self, expression: str) -> str:
        return f"agg.{self.aggregates.setdefault(expression, f'a{len(self.aggregates)}')}"

    def interval(self, duration: timedelta) -> str:
        return self.parameters.add(duration, "interval")

    def column(self, level: int, truth: str, until: str) -> _Compiled:
        compiled = _Compiled(level=level, index=sum(map(len, self.levels)))
        while len(self.levels) <= level:
            self.levels.append([])
        self.levels[level].append(f"{truth} AS {compiled.truth}, {until} AS {compiled.until}")
        return compiled

    def leaves(self) -> str:
        """The innermost SELECT: a row a person with the answers of all leaves."""
        joins = [*self.known.joins(), *self.joins]
        if self.flags:
            self.ctes.insert(0, self.scan())
        if self.aggregates:
            columns = ", ".join(f"{expression} AS {name}" for expression, name in self.aggregates.items())
            # MATERIALIZED: a planner without statistics, as after an import, would run it once a person.
            self.ctes.append(f"agg AS MATERIALIZED (SELECT e.person_id, {columns} FROM ev e GROUP BY e.person_id)")
            joins.append("LEFT JOIN agg ON agg.person_id = p.person_id")
        columns = ", ".join(["p.person_id", *self.levels[0]])
        return f"SELECT {columns} FROM events_person p {' '.join(joins)} WHERE {self.known.people}"

    def scan(self) -> str:
        """The events with their flags; of some people's events, what several flags read is read once.

        For everybody's, that would keep the planner from sharing the scan out.
        """
        columns = ", ".join(
            [f"{predicate} AS f{index}" for index, predicate in enumerate(self.flags.values())]
            + [f"{key} AS {name}" for key, name in self.keys.items()]
        )
        read_once = {
            value.column: f"CASE WHEN e.name = ANY({self.parameters.add(sorted(value.names), 'text[]')})"
            f" THEN {expression} END AS {value.column.removeprefix('e.')}"
            for expression, value in self.values.items()
            if value.uses > 1 and not isinstance(self.asked.scope, Everyone)
        }
        written_out = {value.column: expression for expression, value in self.values.items()}
        columns = _SHARED.sub(lambda match: match[0] if match[0] in read_once else written_out[match[0]], columns)
        windows = list(dict.fromkeys(self.windows))
        since = ""
        if all(self.bounds(window).earliest is not None for window in windows):
            earliest = self.parameters.add_late(
                "earliest", "timestamptz", lambda question: min(question.bounds(window).earliest for window in windows)
            )
            since = f" AND e.occurred_at >= {earliest}"
        source = (
            f"{self.known.events} AND e.name = ANY({self.parameters.add(sorted(self.names), 'text[]')}) "
            f"AND e.occurred_at <= {self.now}{since}"
        )
        if not read_once:
            return f"ev AS (SELECT {self.known.owner} AS person_id, e.occurred_at AS t, {columns} FROM {source})"
        return (
            f"ev AS MATERIALIZED (SELECT e.person_id, e.occurred_at AS t, {columns} FROM ("
            f"SELECT {self.known.owner} AS person_id, e.occurred_at, e.event_id, e.name, e.properties, e.context, "
            f"e.properties_normal, e.context_normal, {', '.join(read_once.values())} FROM {source} OFFSET 0) e)"
        )
