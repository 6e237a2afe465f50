"""Importing files into Acme, and what is told meanwhile."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from events.importing import Summary, Watcher, import_file
from events.mapping import parse_mapping
from events.models import ImportRun
from tests.conftest import Company

NOW = datetime(2026, 2, 1, tzinfo=UTC)
PURCHASES = {
    "type": "track",
    "userId": "who",
    "event": {"constant": "purchased"},
    "timestamp": "when",
    "properties": {"total": {"column": "total", "as": "number"}},
}
HEADER = "who,when,total\n"


class Notes(Watcher):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.start: int | None = None
        self.read = 0
        self.refused: list[int] = []
        self.reasons: list[str] = []

    def begin(self, *, run: ImportRun, counted: str) -> None:
        self.start = run.line

    def advance(self, count: int) -> None:
        self.read += count

    def refuse(self, *, line: int, reason: str, raw: bytes) -> None:
        self.refused.append(line)
        self.reasons.append(reason)


def load(
    company: Company, path: Path, mapping: Any = PURCHASES, *, notes: Watcher | None = None, restart: bool = False
) -> Summary:
    return import_file(
        path=path,
        mapping=parse_mapping(mapping),
        tenant_id=company.tenant.pk,
        now=NOW,
        watcher=notes,
        restart=restart,
    )


def sale(number: int, *, when: str = "2026-01-05T10:00:00Z") -> str:
    """A line of CSV."""
    return f"person-{number % 7},{when},{number}\n"


def sales(numbers: Iterable[int]) -> str:
    return HEADER + "".join(map(sale, numbers))


def _zstd(content: bytes) -> bytes:
    sink = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(sink, "zstd") as packed:
        packed.write(content)
    return sink.getvalue().to_pybytes()


PACK: dict[str, Callable[[bytes], bytes]] = {
    "": lambda content: content,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": _zstd,
}


def write_parquet(path: Path, columns: dict[str, Any], **options: Any) -> Path:
    pyarrow.parquet.write_table(pyarrow.table(columns), path, **options)
    return path
