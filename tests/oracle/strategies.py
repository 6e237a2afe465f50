"""Hypothesis strategies for conditions and the histories that are hardest on them.

Names, keys, values and durations come from small pools, so that facts and conditions meet; event times stand
exactly on the borders of the windows that the conditions use, or one microsecond beside. `cases()` draws all
that belongs together; the other strategies are its parts.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from tests.oracle.facts import Condition, Event, Json, Person, World
from tests.oracle.samples import (
    BLANK_TEXTS,
    COMMON,
    DURATIONS,
    EVENT_NAMES,
    KEYS,
    NUMBERS,
    NUMERIC_TEXTS,
    OPERATORS,
    ORDERABLE_TEXTS,
    ORDERABLE_TIMES,
    ORDINARY_NOWS,
    OTHER_NAMES,
    PATHS,
    REMARKABLE_NOWS,
    RETENTIONS,
    SEGMENT_IDS,
    TEXTS,
    TIME_TEXTS,
    UNITS,
    WINDOW_DAYS,
    ZONES,
)
from tests.oracle.times import MICROSECOND, datetime_of, instant_of, microseconds_of, midnight_of
from tests.oracle.values import normalise
from tests.oracle.windows import Period

# ---- values

# Postgres stores neither NUL nor half surrogate pairs; what this Python does not know yet is left out too.
free_texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs", "Cn"]), max_size=4)
numbers = st.one_of(
    st.sampled_from(NUMBERS),
    st.integers(min_value=-12, max_value=12),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
)
texts = st.one_of(st.sampled_from(TEXTS + NUMERIC_TEXTS + TIME_TEXTS), free_texts)
scalars = st.one_of(
    texts,
    numbers,
    st.booleans(),
    st.none(),
    st.sampled_from(BLANK_TEXTS),
)
common = st.sampled_from(COMMON)
values: st.SearchStrategy[Json] = st.one_of(
    common,
    common,
    scalars,
    st.lists(common, min_size=1, max_size=2),
    st.lists(st.one_of(scalars, st.lists(scalars, max_size=2)), max_size=3),
    st.dictionaries(st.sampled_from(("0", "city", "b", "")), scalars, max_size=2),
)
objects = st.one_of(
    st.dictionaries(st.sampled_from(KEYS), values, max_size=4),
    st.fixed_dictionaries({"price": values, "colour": values}, optional={"cart_id": values, "tags": values}),
)
contexts = st.dictionaries(
    st.sampled_from(("page", "colour")),
    st.one_of(values, st.fixed_dictionaries({"path": values})),
    max_size=2,
)


# ---- literals, filters


literal_texts = st.one_of(st.sampled_from(TEXTS + NUMERIC_TEXTS + TIME_TEXTS), free_texts.filter(normalise))
literals = st.one_of(common, common, literal_texts, numbers, st.booleans())
orderable_numbers = st.one_of(numbers, st.sampled_from(ORDERABLE_TEXTS))
orderable_times = st.sampled_from(ORDERABLE_TIMES)


@st.composite
def tests_of_a_value(draw: st.DrawFn) -> Condition:
    """An operator with its literal, as both a filter and a trait node carry them."""
    op = draw(st.sampled_from(OPERATORS))
    match op:
        case "exists" | "not_exists":
            return {"op": op}
        case "in" | "not_in":
            return {"op": op, "value": draw(st.lists(literals, min_size=1, max_size=3))}
        case "=" | "!=" | "contains" | "not_contains":
            return {"op": op, "value": draw(literals)}
        case "starts_with" | "ends_with":
            return {"op": op, "value": draw(literal_texts)}
        case "before" | "after":
            return {"op": op, "value": draw(orderable_times)}
        case "between":
            kind = draw(st.sampled_from((orderable_numbers, orderable_times)))
            return {"op": op, "value": [draw(kind), draw(kind)]}
        case _:
            return {"op": op, "value": draw(st.one_of(orderable_numbers, orderable_times))}


@st.composite
def filters(draw: st.DrawFn) -> Condition:
    """One entry of a `where`."""
    return {"property": draw(st.sampled_from(PATHS + ("price", "colour") * 4)), **draw(tests_of_a_value())}


def with_where(node: Condition) -> st.SearchStrategy[Condition]:
    """The node as it is, or (less often) with filters."""
    return st.one_of(
        st.just(node),
        st.just(node),
        st.lists(filters(), max_size=2).map(lambda where: {**node, "where": where}),
    )


# ---- nodes

names = st.one_of(
    st.sampled_from(EVENT_NAMES),
    st.lists(st.sampled_from(EVENT_NAMES), min_size=1, max_size=3),
)
durations = st.sampled_from(DURATIONS)


@st.composite
def windows(draw: st.DrawFn) -> Json:
    """Every kind of window, none of them inverted or empty."""
    kind = draw(st.sampled_from(("rolling", "rolling", "last", "before", "from", "to", "from to", "calendar")))
    match kind:
        case "rolling":
            return draw(durations)
        case "before":
            return {"before": draw(durations)}
        case "last":
            ends = st.lists(durations, min_size=2, max_size=2, unique_by=microseconds_of)
            shorter, longer = sorted(draw(ends), key=microseconds_of)
            return {"last": longer, "before": shorter}
        case "calendar":
            window: Condition = {"calendar": draw(st.sampled_from(UNITS))}
            back = draw(st.sampled_from((None, 0, 1, 2)))
            return window if back is None else {**window, "back": back}
        case _:
            days = draw(st.lists(st.sampled_from(WINDOW_DAYS), min_size=2, max_size=2, unique=True).map(sorted))
            return {end: day for end, day in zip(("from", "to"), days, strict=True) if end in kind.split()}


@st.composite
def dids(draw: st.DrawFn) -> Condition:
    """A count node."""
    node = draw(with_where({"did": draw(names)}))
    if draw(st.booleans()):
        op = draw(st.sampled_from(("=", "!=", "<", "<=", ">", ">=")))
        node = {**node, "count": {"op": op, "value": draw(st.integers(min_value=0, max_value=3))}}
    if draw(st.integers(min_value=0, max_value=3)):
        node = {**node, "within": draw(windows())}
    return node


@st.composite
def then_nots(draw: st.DrawFn) -> Condition:
    """A node of something that was not followed by something else, possibly of the same name."""
    node = draw(with_where({"did": draw(names)}))
    second = draw(with_where({"did": draw(names)}))
    if draw(st.booleans()):
        paths = st.sampled_from(("cart_id", "price", "address.city", "absent", "tags", "context.page.path"))
        second = {**second, "same": draw(st.lists(paths, min_size=1, max_size=2, unique=True))}
    node = {**node, "then_not": second, "after": draw(st.sampled_from(("1s", "10m", "1h", "24h")))}
    if draw(st.booleans()):
        node = {**node, "for": draw(durations)}
    return node


@st.composite
def trait_nodes(draw: st.DrawFn) -> Condition:
    """A trait node."""
    return {"trait": draw(st.sampled_from(PATHS + ("price", "colour") * 4)), **draw(tests_of_a_value())}


def conditions(*, segment_ids: tuple[str, ...] = (), depth: int = 4) -> st.SearchStrategy[Condition]:
    """Conditions up to `depth` nodes deep that may refer to the given segments."""
    leaves: list[st.SearchStrategy[Condition]] = [dids(), dids(), then_nots(), trait_nodes()]
    if segment_ids:
        leaves.append(st.sampled_from(segment_ids).map(lambda segment_id: {"segment": segment_id}))
    if depth == 1:
        return st.one_of(leaves)
    parts = conditions(segment_ids=segment_ids, depth=depth - 1)
    return st.one_of(
        *leaves,
        st.lists(parts, max_size=3).map(lambda inner: {"all": inner}),
        st.lists(parts, max_size=3).map(lambda inner: {"any": inner}),
        parts.map(lambda inner: {"not": inner}),
    )


# ---- worlds, histories

ordinary_nows = st.one_of(
    st.sampled_from(ORDINARY_NOWS).map(datetime.fromisoformat),
    st.datetimes(min_value=datetime(2025, 12, 1), max_value=datetime(2028, 3, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
nows = st.one_of(ordinary_nows, st.sampled_from(REMARKABLE_NOWS).map(datetime.fromisoformat))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A tenant with up to three segments, each of which may be made of those before it."""
    segments: dict[str, Condition] = {}
    for segment_id in SEGMENT_IDS[: draw(st.integers(min_value=0, max_value=len(SEGMENT_IDS)))]:
        segments[segment_id] = draw(conditions(segment_ids=tuple(segments), depth=2))
    return World(time_zone=draw(st.sampled_from(ZONES)), retention=draw(st.sampled_from(RETENTIONS)), segments=segments)


@st.composite
def instants(draw: st.DrawFn, *, world: World, now: datetime) -> datetime:
    """An instant up to now: on a border of some window, a microsecond beside, or anywhere."""
    zone = ZoneInfo(world.time_zone)
    kind = draw(st.sampled_from(("now", "rolling", "rolling", "rolling", "two", "retention", "calendar", "day", "any")))
    match kind:
        case "rolling":
            at = now - microseconds_of(draw(durations)) * MICROSECOND
        case "two":
            at = now - (microseconds_of(draw(durations)) + microseconds_of(draw(durations))) * MICROSECOND
        case "retention" if world.retention is not None:
            at = now - world.retention
        case "calendar":
            period = Period.holding(instant_of(now), unit=draw(st.sampled_from(UNITS)), zone=zone)
            at = datetime_of(period.moved(-draw(st.integers(min_value=0, max_value=2))).starts_at(zone=zone))
        case "day":
            at = datetime_of(midnight_of(date.fromisoformat(draw(st.sampled_from(WINDOW_DAYS))), zone=zone))
        case "any":
            at = now - draw(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=800)))
        case _:
            at = now
    at += draw(st.sampled_from((-1, 0, 0, 1))) * MICROSECOND
    return min(at, now)


@st.composite
def histories(draw: st.DrawFn, *, world: World, now: datetime, max_events: int = 8) -> tuple[Event, ...]:
    """Up to `max_events` events in any order, several of them at the same times."""
    times = draw(st.lists(instants(world=world, now=now), min_size=1, max_size=max_events))
    events = []
    for number in range(draw(st.sampled_from(range(max_events, -1, -1)))):
        events.append(
            Event(
                name=draw(st.sampled_from(EVENT_NAMES * 4 + OTHER_NAMES)),
                occurred_at=draw(st.sampled_from(times)),
                message_id=f"message-{number}",
                properties=draw(objects),
                context=draw(contexts),
                received_at=now,
            )
        )
    return tuple(draw(st.permutations(events)))


@st.composite
def people(draw: st.DrawFn, *, world: World, now: datetime, max_events: int = 8) -> Person:
    """A person with traits and a history."""
    return Person(
        traits=draw(objects),
        events=draw(histories(world=world, now=now, max_events=max_events)),
        created_at=draw(instants(world=world, now=now)),
    )


@dataclass(frozen=True, kw_only=True)
class Case:
    """A condition, the world it stands in, people to judge by it, and the instant of judgement."""

    condition: Condition
    world: World
    people: tuple[Person, ...]
    now: datetime


@st.composite
def cases(
    draw: st.DrawFn,
    *,
    nows: st.SearchStrategy[datetime] = nows,
    depth: int = 4,
    max_people: int = 1,
    max_events: int = 8,
) -> Case:
    """All that a comparison of two evaluators needs; `nows` may be narrowed to what a store can hold."""
    world = draw(worlds())
    now = draw(nows)
    return Case(
        condition=draw(conditions(segment_ids=tuple(world.segments), depth=depth)),
        world=world,
        people=tuple(
            draw(st.lists(people(world=world, now=now, max_events=max_events), min_size=1, max_size=max_people))
        ),
        now=now,
    )
