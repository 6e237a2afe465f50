"""The rows of text files: CSV and lines of JSON, perhaps compressed."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Collection, Generator, Iterator, Set
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from events.import_content import BLOCK, DamagedFile, open_content
from events.import_rows import ImportFileError, Position, Row, check_columns
from events.parsing import UnreadableBody, parse_document

MAX_LINE_BYTES = 1_000_000


class TextFile:
    """CSV or lines of JSON, perhaps compressed."""

    counted = "line"

    def __init__(self, path: Path, *, is_csv: bool, compression: str, advance: Callable[[int], Any]) -> None:
        self._path = path
        self._read = _csv_rows if is_csv else _json_rows
        self._compression = compression
        self._advance = advance
        self._lines: _Lines | None = None

    def matching(self, positions: Collection[Position]) -> list[Position]:
        matching = []
        with open_content(self._path, compression=self._compression, advance=lambda count: None) as content:
            lines = _Lines(content)
            with suppress(DamagedFile):  # whoever reads the rows will tell
                for position in sorted(positions, key=lambda position: position.bytes):
                    lines.skip_to(position)
                    if lines.position() == position:
                        matching.append(position)
        return matching

    def rows(self, *, columns: Set[str], start: Position) -> Generator[Row]:
        with open_content(self._path, compression=self._compression, advance=self._advance) as content:
            self._lines = _Lines(content)
            yield from self._read(self._lines, columns, start)

    def position(self) -> Position:
        return self._lines.position() if self._lines is not None else Position()


class _LongLine(ValueError):
    """A line of absurd length."""


class _Lines:
    """The lines of a content, and up to where they were read.

    Where the content breaks off within a row (a line without its end, quotes that are not closed, damage), that is
    before the row.
    """

    def __init__(self, content: BinaryIO) -> None:
        self.line = self._bytes = 0
        self._content = content
        self._digest = hashlib.sha256()
        self._breaks_off = False
        self._row = Position()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._readline()
        if not line:
            raise StopIteration
        self.line += 1
        if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
            while not self._readline().endswith(b"\n") and not self._breaks_off:
                pass
            raise _LongLine(f"the line is longer than {MAX_LINE_BYTES:,} bytes")
        text = line.decode("utf-8", errors="replace").replace("\x00", "\ufffd")  # the database takes no NUL
        return text.removeprefix("\ufeff") if self.line == 1 else text

    def begin_row(self) -> int:
        """Note that the next row begins here; returns its line."""
        if not self._breaks_off:
            self._row = self._place()
        return self.line + 1

    def skip_to(self, position: Position) -> None:
        """Pass over lines up to a position, as far as the content goes."""
        while (left := position.bytes - self._bytes) > 0 and (block := self._content.read(min(BLOCK, left))):
            self._take(block)
        self.line = max(self.line, position.line)

    def position(self) -> Position:
        return self._row if self._breaks_off else self._place()

    def _readline(self) -> bytes:
        self._breaks_off = True
        line = self._content.readline(MAX_LINE_BYTES)
        self._take(line)
        self._breaks_off = len(line) < MAX_LINE_BYTES and not line.endswith(b"\n")
        return line

    def _take(self, part: bytes) -> None:
        self._bytes += len(part)
        self._digest.update(part)

    def _place(self) -> Position:
        return Position(self._bytes, self._digest.hexdigest(), self.line)


def _csv_rows(lines: _Lines, columns: Set[str], start: Position) -> Generator[Row]:
    reader = csv.reader(lines, strict=True)
    try:
        header = next(reader, None)
    except (csv.Error, _LongLine) as error:
        raise ImportFileError(f"The first line does not name the columns as CSV does: {error}") from error
    if not header:
        raise ImportFileError("The file is empty: its first line must name the columns.")
    check_columns(columns, header)
    lines.skip_to(start)
    while True:
        line = lines.begin_row()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, _LongLine) as error:
            extent = f" (lines {line:,} to {lines.line:,})" if lines.line > line else ""
            yield Row(line, None, f"It is not CSV: {error}{extent}.")
            continue
        if not cells:
            continue
        if len(cells) != len(header):
            yield Row(line, cells, f"It has {len(cells)} columns instead of {len(header)}.")
            continue
        yield Row(line, dict(zip(header, cells, strict=True)))


def _json_rows(lines: _Lines, columns: Set[str], start: Position) -> Generator[Row]:
    lines.skip_to(start)
    while True:
        number = lines.begin_row()
        try:
            line = next(lines)
        except StopIteration:
            return
        except _LongLine as error:
            yield Row(number, None, f"It cannot be read: {error}.")
            continue
        if not line.strip():
            continue
        try:
            yield Row(number, parse_document(line.encode()))
        except UnreadableBody as error:
            yield Row(number, line, error.message)
