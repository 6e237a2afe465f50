"""Importing a file of events or profiles: rows through a mapping into the same ingestion as everything else.

Rows are stored in batches, so memory stays flat, and after each batch it is noted how far the import has come. Message
ids are made from a row's place and content, so whatever is read again is not stored twice. A row that cannot be used is
told with its line; the others are kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings

from events.clock import microseconds_of
from events.import_content import COMPRESSIONS, DamagedFile
from events.import_parquet import ParquetFile
from events.import_rows import ImportFileError, Row, RowFile
from events.import_runs import note_progress, open_run, position_of
from events.import_text import TextFile
from events.ingestion import ingest
from events.items import InvalidItem, Item, WireItem, build_item, find_names
from events.lenient import encode_json
from events.mapping import RowError, RowMapping
from events.models import ImportRun
from events.parsing import Rejection, decode_leniently

BATCH = 1_000
BATCH_BYTES = 8_000_000
ENDINGS = (".csv", ".jsonl", ".ndjson", ".json", ".parquet")
_NOBODY = "The row cannot be used, and what it says about whom cannot be read."
_canonical = msgspec.json.Encoder(decimal_format="number", order="deterministic").encode


@dataclass
class Summary:
    """What became of a file's rows, those of interrupted runs included; `damage`: why the rest cannot be read."""

    rows: int = 0
    stored: int = 0
    duplicates: int = 0
    rejected: int = 0
    damage: str = ""


class Watcher:
    """Is told how an import goes; this one keeps it to itself."""

    def begin(self, *, run: ImportRun, counted: str) -> None:
        """Reading goes on where `run` stands; `counted`: rows are counted by “line” or “row”."""

    def advance(self, count: int) -> None:
        """So many bytes of the file were read since the last time."""

    def refuse(self, *, line: int, reason: str, raw: bytes) -> None:
        """A row cannot be used; `raw` is what it holds, as JSON."""


def import_file(
    *,
    path: Path,
    mapping: RowMapping,
    tenant_id: UUID,
    now: datetime,
    watcher: Watcher | None = None,
    restart: bool = False,
) -> Summary:
    """Import a file into a tenant; what an earlier run has done of it is passed over, unless `restart`.

    Raises ImportFileError and ImportConflict.
    """
    watcher = watcher or Watcher()
    try:
        file = open_file(path, watcher.advance)
        run = open_run(tenant_id=tenant_id, mapping=mapping, file=file, file_name=path.name, restart=restart)
    except OSError as error:
        raise ImportFileError(f"{path} cannot be read: {error.strerror}.") from error
    watcher.begin(run=run, counted=file.counted)
    batch = _Batch(mapping=mapping, run=run, now=now)

    def store(*, is_finished: bool) -> None:
        for line, reason, raw in batch.store():
            watcher.refuse(line=line, reason=reason, raw=raw)
        note_progress(run, position=file.position(), is_finished=is_finished)

    damage = ""
    with closing(file.rows(columns=mapping.columns, start=position_of(run))) as rows:
        try:
            for row in rows:
                batch.add(row)
                if batch.is_full:
                    store(is_finished=False)
        except DamagedFile as error:
            damage = (
                f"{path.name} cannot be read any further after {file.counted} {file.position().line:,}: {error}. "
                "What came before is kept: mend the file, and the same command goes on there."
            )
    store(is_finished=not damage)
    return Summary(run.rows, run.stored, run.duplicates, run.rejected, damage)


def open_file(path: Path, advance: Callable[[int], Any]) -> RowFile:
    """The file as rows, by the ending of its name; raises ImportFileError and OSError."""
    name = path.name.lower()
    compression = path.suffix.lower() if path.suffix.lower() in COMPRESSIONS else ""
    kind = Path(name.removesuffix(compression)).suffix
    if kind not in ENDINGS or (kind == ".parquet" and compression):
        raise ImportFileError(
            f"{path.name}: only {', '.join(ENDINGS)} can be imported, and, but for Parquet, the same with "
            f"{', '.join(sorted(COMPRESSIONS))} behind it."
        )
    if kind == ".parquet":
        return ParquetFile(path, advance=advance)
    return TextFile(path, is_csv=kind == ".csv", compression=compression, advance=advance)


class _Batch:
    """Rows until they are stored together."""

    def __init__(self, *, mapping: RowMapping, run: ImportRun, now: datetime) -> None:
        self._mapping = mapping
        self._run = run
        self._now = microseconds_of(now)
        self._clear()

    def _clear(self) -> None:
        self._items: list[Item] = []
        self._rejections: list[Rejection] = []
        self._reasons: dict[int, str] = {}
        self._bytes = 0

    @property
    def is_full(self) -> bool:
        return len(self._items) + len(self._rejections) >= BATCH or self._bytes >= BATCH_BYTES

    def add(self, row: Row) -> None:
        try:
            item = self._item(row)
        except (RowError, InvalidItem) as error:
            rejection = self._rejection(row, error)
            self._reasons[row.line] = str(error)
            self._rejections.append(rejection)
            self._bytes += len(rejection.raw)
        else:
            self._items.append(item)
            self._bytes += len(item.raw)

    def store(self) -> list[tuple[int, str, bytes]]:
        """Store all, and count it for the run; returns line, reason and content of what cannot be used."""
        outcome = ingest(tenant_id=self._run.tenant_id, items=self._items, rejections=self._rejections, is_server=True)
        self._run.rows += len(self._items) + len(self._rejections)
        self._run.stored += outcome.stored
        self._run.duplicates += outcome.duplicates
        self._run.rejected += len(outcome.rejections)
        refused = [(one.index, self._reasons.get(one.index, one.message), one.raw) for one in outcome.rejections]
        self._clear()
        return refused

    def _item(self, row: Row) -> Item:
        if row.problem:
            raise RowError(row.problem)
        raw = _encoded(self._mapping.apply(row.content))
        if len(raw) > settings.MAX_ITEM_BYTES:
            raise InvalidItem("item_too_large", f"An item may have at most {settings.MAX_ITEM_BYTES} bytes.")
        wire = decode_leniently(raw)
        if wire.message_id is None:
            wire.message_id = f"import-{hashlib.sha256(f'{row.line}:'.encode() + raw).hexdigest()[:40]}"
        item = build_item(wire, index=row.line, batch_context={}, batch_sent_at=None, raw=raw)
        if item.client_time is not None and item.client_time > self._now:
            raise RowError("It lies in the future.")
        return item

    def _rejection(self, row: Row, error: RowError | InvalidItem) -> Rejection:
        names = self._names(row)
        # A reason may quote the row: it is logged only where an erasure will find it.
        message = str(error) if names or isinstance(error, InvalidItem) else _NOBODY
        code = error.code if isinstance(error, InvalidItem) else "invalid_row"
        raw = b"" if row.content is None else encode_json(row.content)
        return Rejection(index=row.line, code=code, message=message, raw=raw, names=names)

    def _names(self, row: Row) -> tuple[tuple[str, str], ...]:
        try:
            return () if row.problem else find_names(self._mapping.name(row.content))
        except RowError:
            return ()


def _encoded(wire: WireItem) -> bytes:
    try:
        return _canonical(wire)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise RowError(f"It holds what has no place in JSON: {error}.") from error
