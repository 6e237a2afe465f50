"""What every importable file gives: rows with their lines, and positions from which reading can go on.

A position says exactly up to where a content was read: whoever meets the same content again goes on from there,
whatever the file is called, however it is compressed, and also when it has grown at its end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Generator, Set
from dataclasses import dataclass
from typing import Any, Protocol


class ImportFileError(ValueError):
    """The file cannot be read at all; the message says why."""


@dataclass(frozen=True)
class Position:
    """Up to where a content was read: the number of its bytes, their SHA-256, and the last line or row among them."""

    bytes: int = 0
    digest: str = hashlib.sha256().hexdigest()
    line: int = 0


@dataclass(frozen=True)
class Row:
    """A row with its line: `content` maps columns to values or, where `problem` says why not, is what stands there."""

    line: int
    content: Any
    problem: str = ""


class RowFile(Protocol):
    """A file of rows."""

    counted: str
    """What its rows are counted by: “line” or “row”."""

    def matching(self, positions: Collection[Position]) -> list[Position]:
        """Those of these positions up to which the content is the same."""

    def rows(self, *, columns: Set[str], start: Position) -> Generator[Row]:
        """The rows behind `start`; raises ImportFileError when one of the columns is missing, and DamagedFile."""

    def position(self) -> Position:
        """Up to where `rows` was read, leaving out a last row that could change if the file grew."""


def check_columns(wanted: Set[str], found: Collection[str]) -> None:
    """Raise ImportFileError unless each wanted column is there once."""
    found = list(found)
    if absent := sorted(wanted - set(found)):
        raise ImportFileError(f"The mapping reads columns that the file does not have: {', '.join(absent)}.")
    if twice := sorted(column for column in wanted if found.count(column) > 1):
        raise ImportFileError(f"The mapping reads columns that the file has more than once: {', '.join(twice)}.")
