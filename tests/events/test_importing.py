from __future__ import annotations

import csv
import json
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from events.import_rows import ImportFileError
from events.importing import BATCH
from events.models import Event, Person, RejectedItem
from tests.conftest import Company
from tests.events.importers import HEADER, PURCHASES, Notes, load

GOOD = "who,when,total\nann,2026-01-05T10:00:00Z,12.50\nbob,2026-01-06T10:00:00Z,7\nbob,2026-01-06T10:00:00Z,7\n"


def write(tmp_path: Path, text: str, name: str = "sales.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_import__csv__stores_every_row_with_its_time(acme: Company, tmp_path: Path) -> None:
    summary = load(acme, write(tmp_path, GOOD))

    assert (summary.rows, summary.stored, summary.rejected) == (3, 3, 0)
    with acme.scope():
        found = [
            (e.occurred_at.isoformat(), float(e.properties["total"])) for e in Event.objects.order_by("occurred_at")
        ]
    assert found == [
        ("2026-01-05T10:00:00+00:00", 12.5),
        ("2026-01-06T10:00:00+00:00", 7.0),
        ("2026-01-06T10:00:00+00:00", 7.0),
    ]


def test_import__second_run__stores_nothing_twice(acme: Company, tmp_path: Path) -> None:
    load(acme, write(tmp_path, GOOD))

    summary = load(acme, write(tmp_path, GOOD), restart=True)

    assert (summary.stored, summary.duplicates) == (0, 3)


def test_import__bad_rows_among_good_ones__keeps_the_good_and_names_the_lines(acme: Company, tmp_path: Path) -> None:
    text = (
        "\ufeffwho,when,total\n"
        "ann,2026-01-05T10:00:00Z,1\n"
        "bob,yesterday,1\n"
        ",2026-01-05T10:00:00Z,1\n"
        'cem,2026-01-05T10:00:00Z,"1\n'
        '2"\n'
        "dee,2026-01-05T10:00:00Z\n"
        "eve,2027-01-05T10:00:00Z,1\n"
        'f"é\x00,2026-01-05T10:00:00Z,1\n'
    )

    notes = Notes()

    summary = load(acme, write(tmp_path, text), notes=notes)

    assert (summary.stored, summary.rejected) == (2, 5)
    assert notes.refused == [3, 4, 5, 7, 8]
    with acme.scope():
        assert RejectedItem.objects.count() == 5


def test_import__json_lines__takes_nested_and_odd_values(acme: Company, tmp_path: Path) -> None:
    lines = [
        json.dumps({"who": "ann", "when": "2026-01-05T10:00:00Z", "total": 3}),
        '{"who": "bo\\u0000b", "when": "2026-01-05T10:00:00Z", "total": NaN}',
        "not json",
        "[1]",
    ]

    notes = Notes()

    summary = load(acme, write(tmp_path, "\n".join(lines), "sales.jsonl"), notes=notes)

    assert summary.stored == 2
    assert notes.refused == [3, 4]


@pytest.mark.parametrize(
    ("cell", "stored"),
    [
        ('{"a": "x\\u0000y"}', {"a": "x\\u0000y"}),
        ("{'a': 'x\\x00y', 'b': (1, {3})}", {"a": "x\\u0000y", "b": [1, [3]]}),
        ('{"n": NaN, "big": 1e400}', {"n": None, "big": None}),
        ('{"a": "\\ud800"}', None),
        ("{'a': 1j}", None),
        ("{(1, 2): 3}", None),
        ("[" * 500 + "]" * 500, None),
        ("[" * 100_000, None),
        ("9" * 5_000, None),
    ],
    ids=lambda value: str(value)[:20],
)
def test_import__odd_objects_in_a_cell__are_kept_or_refused(
    acme: Company, tmp_path: Path, cell: str, stored: object
) -> None:
    path = tmp_path / "odd.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["who", "odd"], ["ann", cell], ["bob", ""]])
    mapping = {
        "type": "track",
        "userId": "who",
        "event": {"constant": "x"},
        "properties": {"odd": {"column": "odd", "as": "object"}},
    }

    summary = load(acme, path, mapping)

    assert (summary.stored, summary.rejected) == ((2, 0) if stored else (1, 1))
    with acme.scope():
        assert [e.properties["odd"] for e in Event.objects.filter(properties__has_key="odd")] == (
            [stored] if stored else []
        )


def test_import__row_larger_than_an_item_may_be__is_refused(acme: Company, tmp_path: Path) -> None:
    lines = [
        json.dumps({"who": name, "when": "2026-01-05", "total": 1, "note": note})
        for name, note in (("ann", "x" * 200_000), ("bob", ""))
    ]

    summary = load(acme, write(tmp_path, "\n".join(lines), "sales.jsonl"), PURCHASES | {"properties": {"note": "note"}})

    assert (summary.stored, summary.rejected) == (1, 1)


def test_import__several_batches__keeps_all(acme: Company, tmp_path: Path) -> None:
    rows = "".join(f"person-{n % 7},2026-01-05T10:00:00Z,{n}\n" for n in range(BATCH + 5))

    summary = load(acme, write(tmp_path, HEADER + rows))

    assert summary.stored == BATCH + 5
    with acme.scope():
        assert Person.objects.count() == 7


@pytest.mark.parametrize(("name", "text"), [("sales.csv", ""), ("sales.csv", "who,when\na,b\n"), ("sales.xls", "x")])
def test_import__file_of_another_shape__says_why(acme: Company, tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(ImportFileError):
        load(acme, write(tmp_path, text, name))


def test_command__unknown_tenant_or_mapping__says_so(acme: Company, tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)

    with pytest.raises(CommandError, match="no mapping"):
        call_command("import_events", str(path), "--mapping", "nothing", "--tenant", str(acme.tenant.pk))
    with pytest.raises(CommandError, match="no tenant"):
        call_command("import_events", str(path), "--mapping", "starbucks-transcript", "--tenant", str(uuid4()))
