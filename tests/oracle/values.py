"""What a property or trait is worth in a comparison (rules 1 to 6 of the specification)."""

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from tests.oracle.facts import Json
from tests.oracle.times import instant_of_text

# The Unicode property White_Space. Python's own `strip()` also takes U+001C to U+001F, which do not have it.
WHITE_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680"
    "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
MAX_NUMERIC_CHARACTERS = 1_000
MAX_EXPONENT = 9_999

_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE]([+-]?[0-9]+))?")


# ---- reading a fact


def keys_of(path: str) -> list[str]:
    r"""The keys of a dotted path; `\.` is a dot inside a key, any other backslash stands for itself."""
    keys = [""]
    position = 0
    while position < len(path):
        if path.startswith("\\.", position):
            keys[-1] += "."
            position += 2
        elif path[position] == ".":
            keys.append("")
            position += 1
        else:
            keys[-1] += path[position]
            position += 1
    return keys


def value_at(root: Mapping[str, Json], keys: list[str]) -> Json:
    """The value under the keys, None when absent; only objects have keys, a list has none."""
    value: Json = root
    for key in keys:
        if not isinstance(value, Mapping) or key not in value:
            return None
        value = value[key]
    return value


# ---- rule 1 and the shape of values


def normalise(text: str) -> str:
    """The one published normalisation: NFC, Unicode white space stripped, case-folded."""
    return unicodedata.normalize("NFC", text).strip(WHITE_SPACE).casefold()


def is_missing(fact: Json) -> bool:
    """Absent, null and blank text are missing; an empty list or object is present."""
    if isinstance(fact, float) and not math.isfinite(fact):
        return True  # ingestion stores these as null
    return fact is None or (isinstance(fact, str) and normalise(fact) == "")


def is_number(value: Json) -> bool:
    """Whether the value is a JSON number (a boolean is not)."""
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def number_of(value: Json) -> Decimal | None:
    """The exact decimal of a number or numeric text, else None."""
    if is_number(value):
        # repr is how the number stands in the JSON text; the binary expansion of a float never was there.
        return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not isinstance(value, str):
        return None
    text = normalise(value)
    match = _JSON_NUMBER.fullmatch(text)
    if match is None or len(text) > MAX_NUMERIC_CHARACTERS:
        return None
    if match[1] is not None and abs(int(match[1])) > MAX_EXPONENT:
        return None
    return Decimal(text)


def time_of(value: Json, *, zone: ZoneInfo) -> int | None:
    """The instant of a text that is a time, else None; numbers are not times."""
    return instant_of_text(normalise(value), zone=zone) if isinstance(value, str) else None


# ---- rule 2: equality


def equals_literal(fact: Json, literal: Json) -> bool:
    """Whether a fact equals a condition's literal (text, number or boolean)."""
    if is_missing(fact) or isinstance(fact, list | Mapping):
        return False
    if isinstance(literal, bool):
        return _truth_of(fact) is literal
    if is_number(literal):
        return number_of(fact) == number_of(literal)
    if isinstance(fact, bool):
        return _truth_of(literal) is fact
    return isinstance(fact, str) and normalise(fact) == normalise(literal)


def same_value(one: Json, other: Json) -> bool:
    """Whether two facts are equal: missing equals missing, a number a number, a list or object nothing."""
    if is_missing(one) or is_missing(other):
        return is_missing(one) and is_missing(other)
    if isinstance(one, list | Mapping) or isinstance(other, list | Mapping):
        return False
    if is_number(one) or is_number(other):
        return is_number(one) and is_number(other) and number_of(one) == number_of(other)
    if isinstance(one, bool) or isinstance(other, bool):
        return _truth_of(one) is _truth_of(other)
    return normalise(one) == normalise(other)


def _truth_of(value: Json) -> bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return {"true": True, "false": False}.get(normalise(value))
    return None


# ---- rules 3 and 4: the positive forms. Each takes a fact that is present.


def _equal(fact: Json, literal: Json, zone: ZoneInfo) -> bool:
    return equals_literal(fact, literal)


def _in(fact: Json, literals: Json, zone: ZoneInfo) -> bool:
    elements = fact if isinstance(fact, list) else [fact]
    return any(equals_literal(element, literal) for element in elements for literal in literals)


def _contains(fact: Json, literal: Json, zone: ZoneInfo) -> bool:
    if isinstance(fact, list):
        return any(equals_literal(element, literal) for element in fact)
    return _both_text(fact, literal) and normalise(literal) in normalise(fact)


def _starts_with(fact: Json, literal: Json, zone: ZoneInfo) -> bool:
    return _both_text(fact, literal) and normalise(fact).startswith(normalise(literal))


def _ends_with(fact: Json, literal: Json, zone: ZoneInfo) -> bool:
    return _both_text(fact, literal) and normalise(fact).endswith(normalise(literal))


def _both_text(fact: Json, literal: Json) -> bool:
    return isinstance(fact, str) and isinstance(literal, str)


def _ordered(compare: Callable[[Any, Any], bool]) -> "Positive":
    def rule(fact: Json, literal: Json, zone: ZoneInfo) -> bool:
        if (limit := number_of(literal)) is not None:
            number = number_of(fact)
            return number is not None and compare(number, limit)
        return _by_time(compare)(fact, literal, zone)

    return rule


def _by_time(compare: Callable[[Any, Any], bool]) -> "Positive":
    def rule(fact: Json, literal: Json, zone: ZoneInfo) -> bool:
        limit = time_of(literal, zone=zone)
        if limit is None:
            raise ValueError(f"this literal cannot be ordered: {literal!r}")
        instant = time_of(fact, zone=zone)
        return instant is not None and compare(instant, limit)

    return rule


def _between(fact: Json, literal: Json, zone: ZoneInfo) -> bool:
    low, high = literal
    return _ordered(lambda a, b: a >= b)(fact, low, zone) and _ordered(lambda a, b: a <= b)(fact, high, zone)


Positive: TypeAlias = Callable[[Json, Json, ZoneInfo], bool]

POSITIVE: dict[str, Positive] = {
    "=": _equal,
    "in": _in,
    "contains": _contains,
    "starts_with": _starts_with,
    "ends_with": _ends_with,
    ">": _ordered(lambda a, b: a > b),
    ">=": _ordered(lambda a, b: a >= b),
    "<": _ordered(lambda a, b: a < b),
    "<=": _ordered(lambda a, b: a <= b),
    "between": _between,
    "before": _by_time(lambda a, b: a < b),
    "after": _by_time(lambda a, b: a > b),
}
NEGATIVE = {"!=": "=", "not_in": "in", "not_contains": "contains"}


def satisfies(*, fact: Json, op: str, literal: Json = None, zone: ZoneInfo) -> bool:
    """Whether a fact satisfies an operator; a missing fact satisfies `not_exists` only."""
    if op == "not_exists":
        return is_missing(fact)
    if is_missing(fact):
        return False
    if op == "exists":
        return True
    if op in NEGATIVE:
        return not POSITIVE[NEGATIVE[op]](fact, literal, zone)
    if op in POSITIVE:
        return POSITIVE[op](fact, literal, zone)
    raise NotImplementedError(f"operator {op!r}")
