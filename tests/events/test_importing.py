from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from events.importing import BATCH, ImportFileError, Summary, import_file
from events.mapping import parse_mapping
from events.models import Event, Person, RejectedItem
from tests.conftest import Company

NOW = datetime(2026, 2, 1, tzinfo=UTC)
PURCHASES = {
    "type": "track",
    "userId": "who",
    "event": {"constant": "purchased"},
    "timestamp": "when",
    "properties": {"total": {"column": "total", "as": "number"}},
}
GOOD = "who,when,total\nann,2026-01-05T10:00:00Z,12.50\nbob,2026-01-06T10:00:00Z,7\nbob,2026-01-06T10:00:00Z,7\n"


def load(company: Company, path: Path, mapping: object = PURCHASES) -> Summary:
    read: list[int] = []
    summary = import_file(
        path=path, mapping=parse_mapping(mapping), tenant_id=company.tenant.pk, now=NOW, advance=read.append
    )
    assert sum(read) == path.stat().st_size
    return summary


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

    summary = load(acme, write(tmp_path, GOOD + "cem,2026-01-07T10:00:00Z,1\n"))

    assert (summary.stored, summary.duplicates) == (1, 3)


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

    summary = load(acme, write(tmp_path, text))

    assert summary.stored == 2
    assert [line for line, _ in summary.problems] == [3, 4, 5, 7, 8]
    with acme.scope():
        assert RejectedItem.objects.count() == 5


def test_import__json_lines__takes_nested_and_odd_values(acme: Company, tmp_path: Path) -> None:
    lines = [
        json.dumps({"who": "ann", "when": "2026-01-05T10:00:00Z", "total": 3}),
        '{"who": "bo\\u0000b", "when": "2026-01-05T10:00:00Z", "total": NaN}',
        "not json",
        "[1]",
    ]

    summary = load(acme, write(tmp_path, "\n".join(lines), "sales.jsonl"))

    assert summary.stored == 2
    assert [line for line, _ in summary.problems] == [3, 4]


def test_import__several_batches__keeps_all(acme: Company, tmp_path: Path) -> None:
    rows = "".join(f"person-{n % 7},2026-01-05T10:00:00Z,{n}\n" for n in range(BATCH + 5))

    summary = load(acme, write(tmp_path, "who,when,total\n" + rows))

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
