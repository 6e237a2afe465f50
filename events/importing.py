"""Importing a file of events or profiles: rows through a mapping into the same ingestion as everything else.

Reads line by line and stores in batches, so memory stays flat. Message ids are made from a row's place and content, so
a second run stores nothing twice. A row that cannot be used is told with its line; the others are kept.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

import msgspec

from events.clock import microseconds_of
from events.ingestion import ingest
from events.items import InvalidItem, Item, WireItem, build_item, find_names
from events.lenient import encode_json
from events.mapping import RowError, RowMapping
from events.parsing import Rejection, UnreadableBody, parse_document

BATCH = 1_000
MAX_LINE_BYTES = 1_000_000
TOLD_PROBLEMS = 20
_NOBODY = "The row cannot be used, and what it says about whom cannot be read."
_canonical = msgspec.json.Encoder(decimal_format="number", order="deterministic").encode


class ImportFileError(ValueError):
    """The file cannot be read at all; the message says why."""


@dataclass
class Summary:
    """What became of a file's rows; `problems` holds the first few, as (line, reason)."""

    rows: int = 0
    stored: int = 0
    duplicates: int = 0
    rejected: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """A row with its line; `values` is None where it cannot be read, and `problem` says why."""

    line: int
    values: dict[str, Any] | None
    problem: str = ""


def import_file(
    *, path: Path, mapping: RowMapping, tenant_id: UUID, now: datetime, advance: Callable[[int], Any]
) -> Summary:
    """Import a .csv, .jsonl or .ndjson file (also .json with an object a line) into a tenant.

    `advance` is told how many bytes were read since the last time. Raises ImportFileError.
    """
    summary = Summary()
    items: list[Item] = []
    rejections: list[Rejection] = []
    reasons: dict[int, str] = {}

    def store() -> None:
        outcome = ingest(tenant_id=tenant_id, items=items, rejections=rejections, is_server=True)
        summary.stored += outcome.stored
        summary.duplicates += outcome.duplicates
        summary.rejected += len(outcome.rejections)
        for rejection in outcome.rejections[: TOLD_PROBLEMS - len(summary.problems)]:
            summary.problems.append((rejection.index, reasons.get(rejection.index, rejection.message)))
        items.clear()
        rejections.clear()
        reasons.clear()

    with _rows(path, mapping, advance) as rows:
        for row in rows:
            summary.rows += 1
            try:
                items.append(_item(row, mapping, now))
            except (RowError, InvalidItem) as error:
                code = error.code if isinstance(error, InvalidItem) else "invalid_row"
                raw = encode_json(row.values) if row.values is not None else b""
                names = _names(row, mapping)
                reasons[row.line] = str(error)
                # A reason may quote the row: it is logged only where an erasure will find it.
                reason = str(error) if names or isinstance(error, InvalidItem) else _NOBODY
                rejections.append(Rejection(index=row.line, code=code, message=reason, raw=raw, names=names))
            if len(items) + len(rejections) >= BATCH:
                store()
        store()
    return summary


def _names(row: Row, mapping: RowMapping) -> tuple[tuple[str, str], ...]:
    try:
        return find_names(mapping.name(row.values)) if row.values is not None else ()
    except RowError:
        return ()


def _item(row: Row, mapping: RowMapping, now: datetime) -> Item:
    if row.values is None:
        raise RowError(row.problem)
    wire = mapping.apply(row.values)
    if wire.message_id is None:
        digest = hashlib.sha256(f"{row.line}:".encode() + _canonical(wire)).hexdigest()
        wire.message_id = f"import-{digest[:40]}"
    item = _checked(wire, row.line)
    if item.client_time is not None and item.client_time > microseconds_of(now):
        raise RowError("It lies in the future.")
    return item


def _checked(wire: WireItem, line: int) -> Item:
    raw = _canonical(wire)
    return build_item(wire, index=line, batch_context={}, batch_sent_at=None, raw=raw)


@contextmanager
def _rows(path: Path, mapping: RowMapping, advance: Callable[[int], Any]) -> Iterator[Iterator[Row]]:
    readers = {".csv": _csv_rows, ".jsonl": _json_rows, ".ndjson": _json_rows, ".json": _json_rows}
    read = readers.get(path.suffix.lower())
    if read is None:
        raise ImportFileError(f"{path.name}: only .csv, .jsonl, .ndjson and .json (an object a line) can be imported.")
    try:
        with path.open("rb") as file:
            yield read(file, mapping, advance)
    except OSError as error:
        raise ImportFileError(f"{path} cannot be read: {error.strerror}.") from error


def _csv_rows(file: BinaryIO, mapping: RowMapping, advance: Callable[[int], Any]) -> Iterator[Row]:
    lines = (line.removeprefix("\ufeff") for line in _lines(file, advance))
    reader = csv.reader(lines, strict=True)
    header = next(reader, None)
    if not header:
        raise ImportFileError("The file is empty: its first line must name the columns.")
    if absent := sorted(mapping.columns - set(header)):
        raise ImportFileError(f"The mapping reads columns that the file does not have: {', '.join(absent)}.")
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(line, None, f"It is not CSV: {error}.")
            continue
        if not cells:
            continue
        if len(cells) != len(header):
            yield Row(line, None, f"It has {len(cells)} columns instead of {len(header)}.")
            continue
        yield Row(line, dict(zip(header, cells, strict=True)))


def _json_rows(file: BinaryIO, mapping: RowMapping, advance: Callable[[int], Any]) -> Iterator[Row]:
    for number, line in enumerate(_lines(file, advance), start=1):
        if not line.strip():
            continue
        try:
            yield Row(number, parse_document(line.encode()))
        except UnreadableBody as error:
            yield Row(number, None, error.message)


def _lines(file: BinaryIO, advance: Callable[[int], Any]) -> Iterator[str]:
    """The lines as text; one of absurd length is cut, so that its row is refused and memory stays flat."""
    pending = 0
    while line := file.readline(MAX_LINE_BYTES):
        pending += len(line)
        if pending > 100_000:
            advance(pending)
            pending = 0
        yield line.decode("utf-8", errors="replace").replace("\x00", "\ufffd")  # the database takes no NUL
    advance(pending)
