"""Parquet as others write it: other types, nested, enormous, damaged."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from events import import_content, import_parquet
from events.import_parquet import ParquetFile
from events.import_rows import ImportFileError, Position
from events.models import Event
from tests.conftest import Company
from tests.events.importers import PURCHASES, Notes, load, write_parquet

WHEN = datetime(2026, 1, 5, 10, tzinfo=UTC)


def columns(count: int) -> dict[str, Any]:
    return {
        "who": [f"p{n % 7}" for n in range(count)],
        "when": [WHEN] * count,
        "total": [n / 4 for n in range(count)],
        "unread": [{"deep": [{"er": n}]} for n in range(count)],
    }


def totals(company: Company) -> list[float]:
    with company.scope():
        return sorted(float(total) for total in Event.objects.values_list("properties__total", flat=True))


def test_parquet__of_many_groups__gives_every_row(acme: Company, tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "sales.parquet", columns(2_500), row_group_size=301)
    notes = Notes()

    summary = load(acme, path, notes=notes)

    assert (summary.rows, summary.stored, summary.damage) == (2_500, 2_500, "")
    assert totals(acme) == [n / 4 for n in range(2_500)]
    assert notes.read == path.stat().st_size
    with acme.scope():
        assert set(Event.objects.values_list("occurred_at", flat=True)) == {WHEN}


@pytest.mark.parametrize("start", [0, 1, 127, 128, 129, 300, 301, 302, 999, 1_000])
def test_parquet__from_any_row_on__passes_over_what_lies_before(tmp_path: Path, start: int) -> None:
    path = write_parquet(tmp_path / "sales.parquet", columns(1_000), row_group_size=301)

    rows = list(ParquetFile(path, advance=lambda count: None).rows(columns={"total"}, start=Position(line=start)))

    assert [(row.line, row.content) for row in rows] == [
        (n + 1, {"total": n // 4 if n % 4 == 0 else Decimal(n) / 4}) for n in range(start, 1_000)
    ]


def test_parquet__values_of_every_type__become_those_of_json(acme: Company, tmp_path: Path) -> None:
    values = {
        "text": (pyarrow.string(), "a\x00b", "a\\u0000b"),
        "bytes": (pyarrow.binary(), b"text", "text"),
        "category": (pyarrow.dictionary(pyarrow.int8(), pyarrow.string()), "x", "x"),
        "whole": (pyarrow.uint64(), 2**64 - 1, 2**64 - 1),
        "exact": (pyarrow.decimal128(30, 2), Decimal("1.10"), 1.1),
        "odd": (pyarrow.float64(), float("nan"), None),
        "truth": (pyarrow.bool_(), True, True),
        "day": (pyarrow.date32(), date(2026, 1, 5), "2026-01-05"),
        "nanoseconds": (pyarrow.timestamp("ns"), 1_000_000_001, "1970-01-01T00:00:01"),
        "zoned": (pyarrow.timestamp("us", "Asia/Seoul"), WHEN, "2026-01-05T19:00:00+09:00"),
        "list": (pyarrow.list_(pyarrow.int64()), [1, None], [1, None]),
        "struct": (pyarrow.struct({"city": pyarrow.string()}), {"city": "Seoul"}, {"city": "Seoul"}),
        "map": (pyarrow.map_(pyarrow.string(), pyarrow.int64()), [("k", 1)], [["k", 1]]),
        "null": (pyarrow.null(), None, None),
    }
    table = {name: pyarrow.array([value], kind) for name, (kind, value, _) in values.items()}
    path = write_parquet(tmp_path / "odd.parquet", table | {"who": ["ann"]})

    load(acme, path, {k: v for k, v in PURCHASES.items() if k != "timestamp"} | {"properties": {n: n for n in values}})

    with acme.scope():
        (properties,) = Event.objects.values_list("properties", flat=True)
    assert properties == {name: expected for name, (_, _, expected) in values.items() if expected is not None}


def test_parquet__rows_that_cannot_be_used__are_told_and_the_others_kept(acme: Company, tmp_path: Path) -> None:
    table = columns(8) | {
        "when": pyarrow.array([0, 10**18, None, 3, -(10**18), 5, 2**62, 7], pyarrow.timestamp("us")),
        "total": ["0", "1", "2", "three", "4", "5", "6", "7"],
        "who": pyarrow.array([b"ann", b"b", b"c", b"d", b"e", b"\xff", b"g", b""]),
    }
    notes = Notes()

    summary = load(acme, write_parquet(tmp_path / "sales.parquet", table, row_group_size=3), notes=notes)

    assert notes.refused == [2, 4, 5, 6, 7, 8]
    assert totals(acme) == [0, 2]
    assert (summary.rows, summary.rejected) == (8, 6)


@pytest.mark.parametrize(
    "wrong",
    [{"who": [{"id": n} for n in range(3)]}, {"total": [[n] for n in range(3)]}, {"when": [1.5, 2.5, 3.5]}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_parquet__a_column_of_the_wrong_type__refuses_every_row(
    acme: Company, tmp_path: Path, wrong: dict[str, Any]
) -> None:
    notes = Notes()

    summary = load(acme, write_parquet(tmp_path / "sales.parquet", columns(3) | wrong), notes=notes)

    assert notes.refused == [1, 2, 3]
    assert (summary.rows, summary.stored) == (3, 0)


def test_parquet__of_thousands_of_columns_and_groups__is_read(acme: Company, tmp_path: Path) -> None:
    wide = write_parquet(tmp_path / "wide.parquet", columns(3) | {f"c{n}": [n] * 3 for n in range(20_000)})
    long = write_parquet(tmp_path / "long.parquet", columns(5_000), row_group_size=1)

    summaries = [load(acme, path) for path in (wide, long)]

    assert [summary.rows for summary in summaries] == [3, 5_000]


def test_parquet__that_describes_itself_at_great_length__is_refused(
    acme: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_parquet, "MAX_FOOTER_BYTES", 100_000)
    path = write_parquet(tmp_path / "wide.parquet", columns(1) | {f"c{n}": [n] for n in range(1_000)})

    with pytest.raises(ImportFileError, match="larger groups"):
        load(acme, path)


def test_parquet__a_bomb__is_given_up(acme: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_content, "SUSPICIOUS_BYTES", 1_000_000)
    table = columns(200) | {"who": ["x" * 100_000] * 200}
    path = write_parquet(tmp_path / "bomb.parquet", table, compression="zstd", use_dictionary=False)

    summary = load(acme, path)

    assert (summary.rows, "inflates to more than" in summary.damage) == (0, True)


def test_parquet__damaged_in_the_middle__keeps_what_lies_before(acme: Company, tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "sales.parquet", columns(1_000), row_group_size=300, compression="zstd")
    whole = path.read_bytes()
    place = pyarrow.parquet.ParquetFile(path).metadata.row_group(2).column(0).data_page_offset
    path.write_bytes(whole[:place] + b"\xff" * 40 + whole[place + 40 :])

    summary = load(acme, path)

    assert totals(acme) == [n / 4 for n in range(600)]
    assert "cannot be read any further after row 600: " in summary.damage


@pytest.mark.parametrize(
    "content", [b"", b"PAR1", b"who,when,total\n" * 9, b"PAR1" + b"\x00" * 9 + b"\x08\x00\x00\x00PAR1"]
)
def test_parquet__that_is_none__is_refused(acme: Company, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "sales.parquet"
    path.write_bytes(content)

    with pytest.raises(ImportFileError, match="Parquet"):
        load(acme, path)


def test_parquet__without_the_columns_of_the_mapping__is_refused(acme: Company, tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "sales.parquet", {"who": ["ann"], "total": [1]})

    with pytest.raises(ImportFileError, match="does not have: when"):
        load(acme, path)


def test_parquet__with_a_column_twice__is_refused(acme: Company, tmp_path: Path) -> None:
    path = tmp_path / "sales.parquet"
    twice = pyarrow.Table.from_arrays([pyarrow.array(["a"])] * 4, names=["who", "when", "total", "who"])
    pyarrow.parquet.write_table(twice, path)

    with pytest.raises(ImportFileError, match="more than once: who"):
        load(acme, path)


def test_parquet__names_with_dots__are_columns_of_their_own(acme: Company, tmp_path: Path) -> None:
    table = columns(1) | {"a.b": ["x"], "a": [{"b": "y"}]}
    mapping = PURCHASES | {"properties": {"flat": "a.b", "nested": {"column": "a", "key": "b"}}}

    load(acme, write_parquet(tmp_path / "sales.parquet", table), mapping)

    with acme.scope():
        assert Event.objects.get().properties == {"flat": "x", "nested": "y"}
