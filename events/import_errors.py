"""A list of the rows that an import could not use, as CSV: line, reason, and what the row holds, as JSON."""

from __future__ import annotations

import csv
from pathlib import Path

from events.import_rows import ImportFileError

MAX_CHARACTERS = 100_000
_HEADER = b"line,reason,row\n"


class ErrorFile:
    """The list in a file, an entry a line; with a list that is there already it goes on."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def begin(self, *, line: int) -> None:
        """Keep what is listed of rows up to this line, for later ones are read again.

        Raises OSError, and ImportFileError when the file is something else.
        """
        with self._path.open("a+b") as file:
            file.seek(0)
            header = file.readline()
            if header not in (b"", _HEADER):
                raise ImportFileError(f"{self._path} is there and is no list of errors: choose another name.")
            end = file.tell()
            while _is_kept(file.readline(), line):
                end = file.tell()
            file.truncate(end)
            if not header:
                file.write(_HEADER)

    def write(self, *, line: int, reason: str, raw: bytes) -> None:
        """Add a row; it is in the file when this returns."""
        with self._path.open("a", encoding="utf-8", newline="") as file:
            row = raw.decode()[:MAX_CHARACTERS]
            csv.writer(file, lineterminator="\n").writerow([line, " ".join(reason.split()), row])


def _is_kept(entry: bytes, line: int) -> bool:
    """Whether an entry is whole and of no later row."""
    number = entry.partition(b",")[0]
    return entry.endswith(b"\n") and number.isdigit() and int(number) <= line
