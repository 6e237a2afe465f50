"""The rows of a Parquet file: of the columns that the mapping reads, a few at a time, each as its JSON would be."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Generator, Iterator, Set
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from events.import_content import BLOCK, DamagedFile, check_inflation
from events.import_rows import ImportFileError, Position, Row, check_columns
from events.lenient import encode_json
from events.parsing import parse_document

# What the file says about its columns and groups of rows is read whole, and takes fifteen times as much in memory.
MAX_FOOTER_BYTES = 16 * 1024 * 1024
# A cell of a megabyte, repeated in every row, takes next to nothing in the file.
ROWS_AT_ONCE = 128
_MAGIC = b"PAR1"


class ParquetFile:
    """A Parquet file, recognised as a whole: it cannot grow at its end."""

    counted = "row"

    def __init__(self, path: Path, *, advance: Callable[[int], Any]) -> None:
        self._path = path
        self._advance = advance
        self._row = 0
        with path.open("rb") as file:
            self._digest = hashlib.file_digest(file, "sha256").hexdigest()
            self._bytes = file.tell()
            file.seek(max(self._bytes - 8, 0))
            footer = file.read()
        if len(footer) < 8 or not footer.endswith(_MAGIC):
            raise ImportFileError("It is not Parquet, or its end is missing.")
        if int.from_bytes(footer[:4], "little") > MAX_FOOTER_BYTES:
            raise ImportFileError(
                f"What it says of its columns and groups of rows takes more than {MAX_FOOTER_BYTES // 1_048_576} MB: "
                "write it again with larger groups, or with the needed columns alone."
            )

    def matching(self, positions: Collection[Position]) -> list[Position]:
        return [position for position in positions if (position.bytes, position.digest) == (self._bytes, self._digest)]

    def position(self) -> Position:
        return Position(self._bytes, self._digest, self._row)

    def rows(self, *, columns: Set[str], start: Position) -> Generator[Row]:
        self._row = start.line
        try:
            file = pyarrow.parquet.ParquetFile(self._path, buffer_size=BLOCK, pre_buffer=False)
            names = file.schema_arrow.names
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            raise ImportFileError(f"It cannot be read as Parquet: {error}") from error
        with file:
            check_columns(columns, names)
            total, told = file.metadata.num_rows, 0
            groups = map(file.metadata.row_group, range(file.num_row_groups))
            check_inflation(packed=self._bytes, inflated=sum(group.total_byte_size for group in groups))
            for batch in _batches(file, sorted(columns), start.line):
                for content, problem in _contents(batch):
                    self._row += 1
                    yield Row(self._row, content, problem)
                done = self._bytes * self._row // max(total, self._row, 1)
                self._advance(done - told)
                told = done
            if self._row != total:
                raise DamagedFile(f"it has no more rows, and should have {total:,}")
            self._advance(self._bytes - told)


def _batches(file: pyarrow.parquet.ParquetFile, columns: list[str], skipped: int) -> Iterator[pyarrow.RecordBatch]:
    """All but the first so many rows; groups of rows that lie wholly before are not even read."""
    for number in range(file.num_row_groups):
        group = file.metadata.row_group(number)
        if 0 < group.num_rows <= skipped:
            skipped -= group.num_rows
            continue
        try:
            for batch in file.iter_batches(ROWS_AT_ONCE, row_groups=[number], columns=columns, use_threads=False):
                kept = batch.slice(min(skipped, batch.num_rows))
                skipped -= batch.num_rows - kept.num_rows
                yield kept
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            raise DamagedFile(f"{error}") from error


def _contents(batch: pyarrow.RecordBatch) -> Iterator[tuple[dict[str, Any] | None, str]]:
    """What each row holds, or what prevents reading it."""
    columns = [(name, batch.column(name)) for name in batch.schema.names]
    for index in range(batch.num_rows):
        content, problem = None, ""
        try:
            content = parse_document(encode_json({name: _cell(column[index]) for name, column in columns}))
        except (pyarrow.ArrowException, ValueError, TypeError, LookupError, OverflowError, RecursionError) as error:
            problem = f"It cannot be read: {error}."
        yield content, problem


def _cell(scalar: pyarrow.Scalar) -> Any:
    if isinstance(scalar, pyarrow.TimestampScalar) and scalar.type.unit == "ns":
        scalar = scalar.cast(pyarrow.timestamp("us", scalar.type.tz), safe=False)  # as the database keeps them
    value = scalar.as_py()
    return value.decode() if isinstance(value, bytes) else value  # some writers do not say which bytes are text
