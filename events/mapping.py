"""Mappings: how a row of somebody else's file becomes an item of the protocol. Pure.

A mapping is a JSON or TOML document; docs/importing.md describes it. A row is a dictionary (a line of CSV has texts, a
line of JSON anything). What is empty is absent.
"""

from __future__ import annotations

import ast
import hashlib
import json
import math
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import msgspec

from events.clock import parse_instant
from events.items import TYPES, WireItem

_KEYS = frozenset(
    {"column", "columns", "key", "constant", "as", "format", "missing", "rename", "unit", "from", "times"}
)
_FIELDS = frozenset({"userId", "anonymousId", "previousId", "groupId", "messageId", "event", "name", "timestamp"})
_UNITS = {"seconds": 1, "minutes": 60, "hours": 3_600, "days": 86_400}
KEPT = Path(__file__).resolve().parent / "mappings"
"""Mappings of well-known files."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class MappingError(ValueError):
    """The mapping cannot be used; the message says where and why."""


class RowError(ValueError):
    """This row cannot become an item."""


@dataclass(frozen=True)
class Source:
    """Where a value comes from and what it is made into.

    The first of `columns` that has a value is taken; with `keys`, the first of these paths into the object it holds.
    A number may be multiplied by the one in the column `times`. Where the field `unless` has a value, this has none.
    """

    columns: tuple[str, ...] = ()
    keys: tuple[tuple[str, ...], ...] = ()
    constant: Any = None
    convert: Callable[[Any], Any] | None = None
    missing: tuple[Any, ...] = ()
    rename: Mapping[str, Any] = field(default_factory=dict)
    times: str | None = None
    unless: str | None = None

    def read(self, row: Mapping[str, Any]) -> Any:
        """The value, or None where there is none; raises RowError."""
        value = self.constant if self.constant is not None else self._find(row)
        if value is None:
            return None
        if self.convert is not None:
            value = self.convert(value)
        if value in self.missing:
            return None
        if self.times is not None:
            factor = row.get(self.times)
            return None if _is_absent(factor) else _number(value) * _number(factor)
        return self.rename.get(value, value) if isinstance(value, str) else value

    def _find(self, row: Mapping[str, Any]) -> Any:
        for column in self.columns:
            value = row.get(column)
            if _is_absent(value):
                continue
            if not self.keys:
                return value
            holder = _parsed_object(value)
            for key in self.keys:
                if not _is_absent(found := _dig(holder, key)):
                    return found
        return None


@dataclass(frozen=True)
class RowMapping:
    """What every row of a file becomes."""

    type: str
    fields: Mapping[str, Source]
    properties: Mapping[str, Source]
    traits: Mapping[str, Source]
    context: Mapping[str, Source]
    digest: str
    """SHA-256 of the document that it was read from."""

    @property
    def columns(self) -> set[str]:
        """The columns that the mapping reads."""
        sources = (*self.fields.values(), *self.properties.values(), *self.traits.values(), *self.context.values())
        return {column for source in sources for column in (*source.columns, source.times) if column is not None}

    def name(self, row: Mapping[str, Any]) -> WireItem:
        """An item of the row's ids alone; raises RowError."""
        return WireItem(**self._read_fields(self.fields.keys() & {"userId", "anonymousId", "previousId"}, row))

    def apply(self, row: Mapping[str, Any]) -> WireItem:
        """The item of a row, not yet checked; raises RowError."""
        return WireItem(
            type=self.type,
            **self._read_fields(self.fields, row),
            properties=_read_all(self.properties, row),
            traits=_read_all(self.traits, row),
            context={"library": {"name": "nunchi-import"}, **_read_all(self.context, row)},
        )

    def _read_fields(self, names: Iterable[str], row: Mapping[str, Any]) -> dict[str, Any]:
        found = _read_all({name: self.fields[name] for name in names}, row)
        return {_ATTRIBUTES[name]: value for name, value in found.items() if self.fields[name].unless not in found}


def read_mapping(path: Path) -> RowMapping:
    """The mapping in a .json or .toml file; raises MappingError."""
    try:
        text = path.read_text(encoding="utf-8")
        document = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (OSError, ValueError) as error:
        raise MappingError(f"{path} cannot be read as a mapping: {error}") from error
    return parse_mapping(document)


def parse_mapping(document: Any) -> RowMapping:
    """The mapping that a document describes; raises MappingError."""
    if not isinstance(document, dict):
        raise MappingError("A mapping is an object.")
    _only_known(document, {"type", "properties", "traits", "context", *_FIELDS}, "the mapping")
    kind = document.get("type")
    if kind not in TYPES:
        raise MappingError(f"type must be one of {', '.join(sorted(TYPES))}.")
    fields = {name: _source(document[name], name) for name in _FIELDS & document.keys()}
    if not {"userId", "anonymousId"} & fields.keys():
        raise MappingError("Say where the person comes from: userId, anonymousId or both.")
    if kind == "track" and "event" not in fields:
        raise MappingError('Say where the name of the event comes from: event = {column = "…"} or {constant = "…"}.')
    for name, source in fields.items():
        if source.unless is not None and (source.unless == name or source.unless not in fields):
            raise MappingError(f"{name}: unless must name another field of the mapping, such as userId.")
    return RowMapping(
        type=kind,
        fields=fields,
        properties=_sources(document, "properties"),
        traits=_sources(document, "traits"),
        context=_sources(document, "context"),
        digest=hashlib.sha256(msgspec.json.encode(document, order="sorted")).hexdigest(),
    )


def _sources(document: Mapping[str, Any], section: str) -> dict[str, Source]:
    sources = document.get(section, {})
    if not isinstance(sources, dict):
        raise MappingError(f"{section} must be an object of names and where their values come from.")
    return {name: _source(source, f"{section}.{name}") for name, source in sources.items()}


def _source(document: Any, path: str) -> Source:
    if isinstance(document, str):
        document = {"column": document}
    if not isinstance(document, dict):
        raise MappingError(
            f'{path} must be the name of a column, or an object such as {{column = "price", as = "number"}}.'
        )
    _only_known(document, _KEYS if "." in path else _KEYS | {"unless"}, path)
    columns = document.get("columns", [document["column"]] if "column" in document else [])
    if not isinstance(columns, list) or not all(isinstance(column, str) for column in columns):
        raise MappingError(f"{path}: columns must be a list of names.")
    if bool(columns) == ("constant" in document):
        raise MappingError(f"{path}: give either column (or columns) or constant.")
    missing, rename, key = document.get("missing", []), document.get("rename", {}), document.get("key", [])
    keys = [key] if isinstance(key, str) else key
    if not isinstance(keys, list) or not all(isinstance(one, str) for one in keys):
        raise MappingError(f"{path}: key must be a path such as address.city, or a list of paths.")
    if not isinstance(missing, list) or not isinstance(rename, dict):
        raise MappingError(f"{path}: missing is a list of values, rename an object of old and new ones.")
    return Source(
        columns=tuple(columns),
        keys=tuple(tuple(one.split(".")) for one in keys),
        constant=document.get("constant"),
        convert=_converter(document, path),
        missing=tuple(missing),
        rename=rename,
        times=_text(document, "times", path),
        unless=_text(document, "unless", path),
    )


def _text(document: Mapping[str, Any], key: str, path: str) -> str | None:
    value = document.get(key)
    if value is not None and not isinstance(value, str):
        raise MappingError(f"{path}: {key} must be a name.")
    return value


def _converter(document: Mapping[str, Any], path: str) -> Callable[[Any], Any] | None:
    kind = document.get("as", "instant" if path == "timestamp" else None)
    if kind == "instant":
        return _instant_reader(document, path)
    if kind == "date":
        pattern = document.get("format")
        if not isinstance(pattern, str):
            raise MappingError(f'{path}: a date needs its format, such as "%Y%m%d".')
        return lambda value: _read_date(value, pattern).date().isoformat()
    if kind is None:
        return None
    if kind not in _CONVERTERS:
        raise MappingError(f"{path}: as must be one of {', '.join(sorted([*_CONVERTERS, 'date', 'instant']))}.")
    return _CONVERTERS[kind]


def _instant_reader(document: Mapping[str, Any], path: str) -> Callable[[Any], Any]:
    """Times: ISO 8601; in another `format`; or a number of `unit`s, counted from the instant `from` or from 1970."""
    unit, start = document.get("unit"), document.get("from")
    if unit is None:
        pattern = document.get("format")
        return (lambda value: _read_date(value, pattern).isoformat()) if pattern else _iso
    if unit not in _UNITS:
        raise MappingError(f"{path}: unit must be one of {', '.join(_UNITS)}.")
    if isinstance(start, datetime):
        start = start.isoformat()
    microseconds = 0 if start is None else parse_instant(start)
    if microseconds is None:
        raise MappingError(f"{path}: from must be an instant such as 2026-01-31T00:00:00Z.")
    origin = _EPOCH + timedelta(microseconds=microseconds)

    def read(value: Any) -> str:
        try:
            return (origin + timedelta(seconds=float(_number(value)) * _UNITS[unit])).isoformat()
        except OverflowError as error:
            raise RowError(f"{value!r} is not a time: it is too far away.") from error

    return read


def _iso(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _read_date(value: Any, pattern: str) -> datetime:
    try:
        read = datetime.strptime(str(value).strip(), pattern)  # noqa: DTZ007  (given a zone below)
    except ValueError as error:
        raise RowError(f"{value!r} is not a time of the form {pattern}.") from error
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _number(value: Any) -> int | Decimal:
    if isinstance(value, bool):
        raise RowError(f"{value!r} is not a number.")
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation as error:
        raise RowError(f"{value!r} is not a number.") from error
    if not number.is_finite() or abs(number.adjusted()) > 300:
        raise RowError(f"{value!r} is not a number that can be kept.")
    return int(number) if number == number.to_integral_value() else number


def _boolean(value: Any) -> bool:
    text = str(value).strip().casefold()
    if text in ("true", "t", "yes", "y", "1"):
        return True
    if text in ("false", "f", "no", "n", "0"):
        return False
    raise RowError(f"{value!r} is neither yes nor no.")


def _parsed_object(value: Any) -> Any:
    """An object that a column holds as text: JSON, or as Python writes it."""
    if not isinstance(value, str):
        return value
    for read in (json.loads, ast.literal_eval):
        try:
            return read(value)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    raise RowError(f"{value[:60]!r} is neither JSON nor an object as Python writes it.")


def _list(value: Any) -> list[Any]:
    if isinstance(value, str) and not value.lstrip().startswith(("[", "(")):
        return [part.strip() for part in value.split(",") if part.strip()]
    read = _parsed_object(value)
    return list(read) if isinstance(read, list | tuple) else [read]


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "text": lambda value: str(value).strip(),
    "number": _number,
    "boolean": _boolean,
    "object": _parsed_object,
    "list": _list,
}


def _read_all(sources: Mapping[str, Source], row: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for name, source in sources.items():
        try:
            value = source.read(row)
        except RowError as error:
            raise RowError(f"{name}: {error}") from error
        if value is not None:
            found[name] = value
    return found


def _dig(value: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _is_absent(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _only_known(document: Mapping[str, Any], known: set[str] | frozenset[str], path: str) -> None:
    for key in document:
        if key not in known:
            raise MappingError(f"{path} has the unknown key “{key}”. Known here: {', '.join(sorted(known))}.")


_ATTRIBUTES = {field.encode_name: field.name for field in msgspec.structs.fields(WireItem)}
