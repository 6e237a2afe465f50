"""CSV and lines of JSON, compressed and damaged in every way."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import pytest

from events import import_content, import_text
from events.import_rows import ImportFileError
from events.models import Event
from tests.conftest import Company
from tests.events.importers import HEADER, PACK, Notes, load, sale, sales

EVERY = pytest.mark.parametrize("compression", list(PACK), ids=lambda ending: ending or "plain")
COMPRESSED = pytest.mark.parametrize("compression", [ending for ending in PACK if ending])


def write(tmp_path: Path, name: str, content: bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def json_sale(number: int, *, when: str = "2026-01-05T10:00:00Z") -> str:
    return json.dumps({"who": "ann", "when": when, "total": number}) + "\n"


def totals(company: Company) -> list[int]:
    with company.scope():
        return sorted(int(total) for total in Event.objects.values_list("properties__total", flat=True))


@EVERY
@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".ndjson"])
def test_file__compressed_in_any_way__gives_the_same_rows(
    acme: Company, tmp_path: Path, ending: str, compression: str
) -> None:
    rows = [{"who": f"p{n}", "when": "2026-01-05T10:00:00Z", "total": n} for n in range(50)]
    text = sales(range(50)) if ending == ".csv" else "".join(f"{json.dumps(row)}\n" for row in rows)
    path = write(tmp_path, f"sales{ending}{compression}", PACK[compression](text.encode()))
    notes = Notes()

    summary = load(acme, path, notes=notes)

    assert (summary.rows, summary.stored, summary.damage) == (50, 50, "")
    assert totals(acme) == list(range(50))
    assert notes.read == path.stat().st_size


@COMPRESSED
def test_file__compressed_in_several_parts__is_read_to_its_end(acme: Company, tmp_path: Path, compression: str) -> None:
    pack = PACK[compression]
    parts = [HEADER.encode(), b"".join(sale(n).encode() for n in range(5)), b"", sale(5).encode()]
    padding = b"\x00" * 8 if compression == ".xz" else b""

    summary = load(acme, write(tmp_path, f"sales.csv{compression}", padding.join(map(pack, parts))))

    assert (summary.stored, summary.damage) == (6, "")


@COMPRESSED
def test_file__cut_off__keeps_what_was_read_and_goes_on_when_it_is_whole(
    acme: Company, tmp_path: Path, compression: str
) -> None:
    packed = PACK[compression](sales(range(0, 300_000, 7)).encode())
    path = write(tmp_path, f"sales.csv{compression}", packed[: len(packed) * 2 // 3])
    notes = Notes()

    broken = load(acme, path)
    again = load(acme, path, notes=notes)
    kept = totals(acme)
    path.write_bytes(packed)
    whole = load(acme, path, notes=notes)

    assert f"cannot be read any further after line {notes.start:,}: " in broken.damage
    assert again == broken
    assert 1_000 < broken.rows == broken.stored == len(kept) < whole.rows
    assert kept == list(range(0, 300_000, 7))[: len(kept)]
    assert (notes.start, notes.refused) == (broken.rows + 1, [])
    assert (whole.damage, whole.duplicates) == ("", 0)
    assert totals(acme) == list(range(0, 300_000, 7))


@COMPRESSED
def test_file__followed_by_rubbish__keeps_its_rows(acme: Company, tmp_path: Path, compression: str) -> None:
    packed = PACK[compression](sales(range(4_000)).encode())

    summary = load(acme, write(tmp_path, f"sales.csv{compression}", packed + b"rubbish " * 9_000))

    # Readers of .bz2 pass over what follows; that of .zst loses its last 64 KB.
    assert bool(summary.damage) is (compression != ".bz2")
    assert totals(acme) == list(range(summary.stored))
    assert summary.stored == 4_000 or (compression == ".zst" and summary.stored > 1_500)


@COMPRESSED
def test_file__not_compressed_as_its_name_says__is_told(acme: Company, tmp_path: Path, compression: str) -> None:
    summary = load(acme, write(tmp_path, f"sales.csv{compression}", sales(range(9)).encode()))

    assert summary.rows == 0
    assert "cannot be read any further after line 0: " in summary.damage


def test_file__a_bomb__is_given_up(acme: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_content, "SUSPICIOUS_BYTES", 5_000_000)
    rows = sales(range(10)).encode()
    path = write(tmp_path, "sales.csv.xz", lzma.compress(rows + b"\x00" * 40_000_000))

    summary = load(acme, path)

    assert summary.stored == 10
    assert "inflates to more than 1,000 times its size" in summary.damage


def test_file__that_asks_for_much_memory__is_given_up(
    acme: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_content, "XZ_MEMORY", 1_000_000)
    path = write(tmp_path, "sales.csv.xz", lzma.compress(sales(range(10)).encode(), preset=6))

    summary = load(acme, path)

    assert (summary.stored, "Memory usage limit exceeded" in summary.damage) == (0, True)


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_line__of_absurd_length__is_refused_and_the_others_keep_their_numbers(
    acme: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    """Planted bug: a long line was cut, and what followed the cut was a row of its own (seen to fail)."""
    monkeypatch.setattr(import_text, "MAX_LINE_BYTES", 1_000)
    row = sale if ending == ".csv" else json_sale
    lines = [row(1), "x" * 1_000 + row(2), "\n", row(3), row(4, when="yesterday")]
    header = HEADER if ending == ".csv" else "\n"
    notes = Notes()

    summary = load(acme, write(tmp_path, f"sales{ending}", (header + "".join(lines)).encode()), notes=notes)

    assert totals(acme) == [1, 3]
    assert notes.refused == [3, 6]
    assert notes.reasons[0].endswith(": the line is longer than 1,000 bytes.")
    assert (summary.rows, summary.rejected) == (4, 2)


def test_quotes__that_are_not_closed__tell_how_far_they_reach(acme: Company, tmp_path: Path) -> None:
    text = sales(range(3)) + 'ann,2026-01-05T10:00:00Z,"5\n' + "".join(sale(n) for n in range(10_000))
    notes = Notes()

    summary = load(acme, write(tmp_path, "sales.csv", text.encode()), notes=notes)

    assert notes.refused[0] == 5
    assert "(lines 5 to " in notes.reasons[0]
    assert summary.stored > 3


@pytest.mark.parametrize("name", ["sales.xls", "sales.gz", "sales.csv.zip", "sales.parquet.gz", "sales"])
def test_file__of_another_kind__is_refused(acme: Company, tmp_path: Path, name: str) -> None:
    with pytest.raises(ImportFileError, match=r"only \.csv, .* can be imported"):
        load(acme, write(tmp_path, name, b"x"))


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("who,total\n", "does not have: when"),
        ("who,when,total,who\n", "more than once: who"),
        ('who,"when\n', "does not name the columns"),
        ("x" * 2_000_000, "does not name the columns"),
        ("", "is empty"),
    ],
)
def test_csv__without_the_columns_of_the_mapping__is_refused(
    acme: Company, tmp_path: Path, header: str, reason: str
) -> None:
    with pytest.raises(ImportFileError, match=reason):
        load(acme, write(tmp_path, "sales.csv", header.encode()))
