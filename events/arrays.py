"""Arrays of a thousand values in PostgreSQL's binary format, built at once instead of value by value.

The driver asks a dumper for every element, which costs more than the database's own work on them.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

# Microseconds from 1970 to 2000, where the database's instants begin.
_EPOCH = 946_684_800_000_000
_UUID, _TEXT, _INSTANT = 2950, 25, 1184
_header = struct.Struct("!iiIii").pack
_empty = struct.Struct("!iiI").pack
_length = struct.Struct("!i").pack
_NULL = _length(-1)
_SIXTEEN = _length(16)


class BinaryArray:
    """A one-dimensional array as it goes over the wire; written `%(name)b` and cast."""

    __slots__ = ("data",)

    def __init__(self, element_oid: int, count: int, has_null: bool, elements: bytes) -> None:
        if count:
            self.data = _header(1, has_null, element_oid, count, 1) + elements
        else:
            self.data = _empty(0, 0, element_oid)  # no dimension


class UUIDs(BinaryArray):
    """uuid[] of the 16 bytes of each."""

    def __init__(self, values: Sequence[bytes]) -> None:
        super().__init__(_UUID, len(values), False, _SIXTEEN.join([b"", *values]))


class Texts(BinaryArray):
    """text[] of UTF-8; documents too, which are cast to jsonb where they are used."""

    def __init__(self, values: Sequence[bytes | None]) -> None:
        parts: list[bytes] = []
        for value in values:
            if value is None:
                parts.append(_NULL)
            else:
                parts += (_length(len(value)), value)
        super().__init__(_TEXT, len(values), None in values, b"".join(parts))


class Instants(BinaryArray):
    """timestamptz[] of microseconds since 1970."""

    def __init__(self, values: Sequence[int | None]) -> None:
        if None in values:
            parts = [_NULL if value is None else struct.pack("!iq", 8, value - _EPOCH) for value in values]
            super().__init__(_INSTANT, len(values), True, b"".join(parts))
            return
        flat = [part for value in values for part in (8, value - _EPOCH)]  # type: ignore[operator]
        super().__init__(_INSTANT, len(values), False, struct.pack("!" + "iq" * len(values), *flat))


class _ArrayDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: BinaryArray) -> bytes:
        return obj.data


class _UUIDsDumper(_ArrayDumper):
    oid = 2951


class _TextsDumper(_ArrayDumper):
    oid = 1009


class _InstantsDumper(_ArrayDumper):
    oid = 1185


psycopg.adapters.register_dumper(UUIDs, _UUIDsDumper)
psycopg.adapters.register_dumper(Texts, _TextsDumper)
psycopg.adapters.register_dumper(Instants, _InstantsDumper)
