"""Memory stays flat however large the file."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from events.import_rows import Position
from events.importing import open_file
from tests.conftest import Company
from tests.events.importers import HEADER, Notes, load

ROWS = 300_000
USABLE_EACH = 60
MAX_GROWTH_BYTES = 30_000_000
STATUS = Path("/proc/self/status")


class Scales(Notes):
    """Weighs the process when a tenth of the file was read, and after that."""

    def __init__(self, total: int) -> None:
        super().__init__()
        self.total = total
        self.first = self.heaviest = 0

    def advance(self, count: int) -> None:
        super().advance(count)
        if self.read > self.total / 10:
            weight = resident_bytes()
            self.first = self.first or weight
            self.heaviest = max(self.heaviest, weight)

    def refuse(self, *, line: int, reason: str, raw: bytes) -> None:
        """What is kept here would weigh too."""


def resident_bytes() -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def row(number: int) -> tuple[str, str, int]:
    when = "2026-01-05T10:00:00Z" if number % USABLE_EACH == 0 else f"some day, the {number}th"
    return f"person-{number % 1_000}", when, number


def write_csv(path: Path) -> None:
    with gzip.open(path, "wt") as file:
        file.write(HEADER)
        for number in range(ROWS):
            file.write('{},"{}",{}\n'.format(*row(number)))


def write_parquet(path: Path) -> None:
    who, when, total = zip(*map(row, range(ROWS)), strict=True)
    table = pyarrow.table({"who": who, "when": when, "total": total, "unread": [f"nobody reads {n}" for n in total]})
    pyarrow.parquet.write_table(table, path, row_group_size=ROWS)


pytestmark = [
    pytest.mark.skipif(not STATUS.exists(), reason="SKIPPED ALOUD: this system does not tell what a process weighs"),
    pytest.mark.parametrize("ending", [".csv.gz", ".parquet"]),
]


@pytest.fixture
def path(tmp_path: Path, ending: str) -> Path:
    path = tmp_path / f"large{ending}"
    (write_parquet if ending == ".parquet" else write_csv)(path)
    return path


def test_rows__of_a_large_file__hold_memory_flat(path: Path) -> None:
    """Planted bug: the rows were read into a list (seen to fail)."""
    scales = Scales(path.stat().st_size)

    rows = open_file(path, scales.advance).rows(columns={"who", "when", "total"}, start=Position())

    assert sum(1 for _ in rows) == ROWS
    assert scales.first
    assert scales.heaviest - scales.first < MAX_GROWTH_BYTES


@pytest.mark.proof
def test_import__of_a_large_file__holds_memory_flat(acme: Company, path: Path) -> None:
    """Planted bug: the items of every batch were kept (seen to fail)."""
    scales = Scales(path.stat().st_size)

    summary = load(acme, path, notes=scales)

    assert (summary.rows, summary.stored) == (ROWS, ROWS // USABLE_EACH)
    assert scales.first
    assert scales.heaviest - scales.first < MAX_GROWTH_BYTES
