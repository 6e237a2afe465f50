"""Interrupted imports go on where they stopped: nothing is lost, doubled, or sent through the database again."""

from __future__ import annotations

import csv
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from events import importing
from events.import_runs import ImportConflict
from events.importing import Watcher
from events.models import Event, ImportRun, Receipt
from tests.conftest import Company
from tests.events.importers import HEADER, PACK, PURCHASES, Notes, load, sale, sales, write_parquet
from tests.events.processes import ROOT, environment

BATCH = 10


class Interrupted(BaseException):
    """What ends the process in the midst of it."""


class Impatient(Notes):
    """Stops once so many rows were refused."""

    def __init__(self, patience: int) -> None:
        super().__init__()
        self.patience = patience

    def refuse(self, *, line: int, reason: str, raw: bytes) -> None:
        super().refuse(line=line, reason=reason, raw=raw)
        if len(self.refused) > self.patience:
            raise Interrupted


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "BATCH", BATCH)


def write(tmp_path: Path, text: str, ending: str = ".csv") -> Path:
    path = tmp_path / f"sales{ending}"
    path.write_bytes(PACK[path.suffix if path.suffix in PACK else ""](text.encode()))
    return path


def totals(company: Company) -> list[int]:
    with company.scope():
        return sorted(int(total) for total in Event.objects.values_list("properties__total", flat=True))


def run_of(company: Company) -> ImportRun:
    with company.scope():
        return ImportRun.objects.get()


def with_bad_rows(count: int) -> str:
    """Every tenth row, from the fifth on, cannot be used."""
    return HEADER + "".join(sale(n, when="yesterday" if n % 10 == 5 else "2026-01-05T10:00:00Z") for n in range(count))


def interrupt(company: Company, path: Path, *, patience: int) -> None:
    with pytest.raises(Interrupted):
        load(company, path, notes=Impatient(patience))


def test_import__interrupted__goes_on_where_it_stopped(acme: Company, tmp_path: Path) -> None:
    path = write(tmp_path, with_bad_rows(100))
    interrupt(acme, path, patience=6)
    notes = Notes()

    with CaptureQueriesContext(connection) as captured:
        summary = load(acme, path, notes=notes)

    # The seventh batch was stored and not noted: it comes again.
    assert notes.start == 61
    assert notes.refused == [67, 77, 87, 97]
    assert sum("INSERT INTO events_receipt" in query["sql"] for query in captured) == 4
    assert totals(acme) == [n for n in range(100) if n % 10 != 5]
    assert (summary.rows, summary.stored, summary.duplicates, summary.rejected) == (100, 81, 9, 10)
    assert run_of(acme).finished_at


@pytest.mark.parametrize("at", ["ingest", "note_progress"])
@pytest.mark.parametrize("nth", range(1, 7))
def test_import__that_dies_before_or_after_storing__loses_and_doubles_nothing(
    acme: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str, nth: int
) -> None:
    """Planted bug: progress was noted before the batch was stored (seen to fail)."""
    path = write(tmp_path, with_bad_rows(50))
    original, calls = getattr(importing, at), []

    def dying(*args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        if len(calls) == nth:
            raise Interrupted
        return original(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(importing, at, dying)
        with pytest.raises(Interrupted):
            load(acme, path)
    notes = Notes()
    load(acme, path, notes=notes)

    assert totals(acme) == [n for n in range(50) if n % 10 != 5]
    assert notes.start == (0 if nth == 1 else (nth - 1) * BATCH + 1)
    assert run_of(acme).rows == 50


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".csv.zst", ".jsonl", ".jsonl.xz"])
def test_file__that_has_grown__adds_only_what_is_new(acme: Company, tmp_path: Path, ending: str) -> None:
    def text(count: int) -> str:
        if ".csv" in ending:
            return sales(range(count))
        return "".join(f'{{"who": "ann", "when": "2026-01-05", "total": {n}}}\n' for n in range(count))

    load(acme, write(tmp_path, text(25), ending))
    notes = Notes()

    summary = load(acme, write(tmp_path, text(40), ending), notes=notes)

    assert notes.start == 25 + (".csv" in ending)
    assert (summary.rows, summary.stored, summary.duplicates) == (40, 40, 0)
    assert totals(acme) == list(range(40))
    assert run_of(acme).rows == 40


@pytest.mark.parametrize(
    ("beginning", "whole", "expected"),
    [
        (sales([1]) + "ann,2026-01-05T10:00:00Z,2", sales([1]) + "ann,2026-01-05T10:00:00Z,2\n", [1, 2]),
        (sales([1]) + "ann,2026-01-05T10:00:00Z,2", sales([1]) + "ann,2026-01-05T10:00:00Z,25\n", [1, 2, 25]),
        (sales([1]) + "ann,2026-01-05T10:00:00Z", sales([1]) + "ann,2026-01-05T10:00:00Z,2\n", [1, 2]),
        (
            sales([1]) + 'ann,2026-01-05T10:00:00Z,"2\n',
            sales([1]) + 'ann,2026-01-05T10:00:00Z,"2\n"\n' + sale(3),
            [1, 2, 3],
        ),
        (HEADER, sales([1]), [1]),
    ],
)
def test_file__that_ended_within_a_row__reads_that_row_again(
    acme: Company, tmp_path: Path, beginning: str, whole: str, expected: list[int]
) -> None:
    """Planted bug: the position lay behind a last line without its end (seen to fail)."""
    load(acme, write(tmp_path, beginning))

    load(acme, write(tmp_path, whole))

    assert totals(acme) == expected


def test_file__renamed_or_compressed_meanwhile__is_known_again(acme: Company, tmp_path: Path) -> None:
    interrupt(acme, write(tmp_path, with_bad_rows(100)), patience=5)
    notes = Notes()

    load(acme, write(tmp_path, with_bad_rows(100), ".csv.gz"), notes=notes)

    assert notes.start == 51
    assert len(totals(acme)) == 90


def test_file__changed_where_it_was_read__is_read_from_the_beginning(acme: Company, tmp_path: Path) -> None:
    """Planted bug: the content was known by its size (seen to fail)."""
    load(acme, write(tmp_path, sales(range(100))))
    notes = Notes()

    summary = load(acme, write(tmp_path, sales([*range(50), 99, *range(51, 100)])), notes=notes)

    assert notes.start == 0
    assert (summary.stored, summary.duplicates) == (1, 99)


def test_import__by_another_mapping_or_into_another_tenant__begins(
    acme: Company, globex: Company, tmp_path: Path
) -> None:
    path = write(tmp_path, sales(range(10)))
    load(acme, path)
    renamed, foreign = Notes(), Notes()

    load(acme, path, PURCHASES | {"event": {"constant": "bought"}}, notes=renamed)
    load(globex, path, notes=foreign)

    assert (renamed.start, foreign.start) == (0, 0)
    assert totals(globex) == list(range(10))


def test_import__restarted__reads_all_again_and_goes_on_from_there(acme: Company, tmp_path: Path) -> None:
    path = write(tmp_path, with_bad_rows(50))
    load(acme, path)

    with pytest.raises(Interrupted):
        load(acme, path, notes=Impatient(2), restart=True)
    notes = Notes()
    summary = load(acme, path, notes=notes)

    assert notes.start == 21
    assert (summary.stored, summary.duplicates, summary.rejected) == (0, 45, 5)
    assert len(totals(acme)) == 45


def test_parquet__interrupted__goes_on_where_it_stopped(acme: Company, tmp_path: Path) -> None:
    when = ["yesterday" if n % 10 == 5 else "2026-01-05" for n in range(100)]
    table = {"who": ["ann"] * 100, "when": when, "total": list(range(100))}
    path = write_parquet(tmp_path / "sales.parquet", table, row_group_size=33)
    interrupt(acme, path, patience=6)
    notes = Notes()

    load(acme, path, notes=notes)

    assert (notes.start, notes.refused) == (60, [66, 76, 86, 96])
    assert totals(acme) == [n for n in range(100) if n % 10 != 5]


def test_import__twice_at_once__one_stops(acme: Company, tmp_path: Path) -> None:
    path = write(tmp_path, with_bad_rows(100))
    interrupt(acme, path, patience=3)

    class Overtaken(Watcher):
        def begin(self, *, run: ImportRun, counted: str) -> None:
            load(acme, path)

    with pytest.raises(ImportConflict):
        load(acme, path, notes=Overtaken())

    assert totals(acme) == [n for n in range(100) if n % 10 != 5]
    assert run_of(acme).rows == 100


IMPORT = """
import sys
import django
django.setup()
from django.core.management import call_command
from events import importing
importing.BATCH = int(sys.argv[1])
note = importing.note_progress
def noting(*arguments, **options):
    note(*arguments, **options)
    print("noted", flush=True)
importing.note_progress = noting
call_command("import_events", *sys.argv[2:])
"""


def killed_after(noted: int, patience: float, *arguments: str) -> bool:
    """Run the command in a process; kill -9 it a moment after so many batches; False: it came to its end before."""
    command = [sys.executable, "-c", IMPORT, str(BATCH), *arguments]
    with subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        seen = 0
        for line in process.stdout:
            seen += line == "noted\n"
            if seen == noted:
                time.sleep(patience)
                process.kill()
        return process.wait() == -signal.SIGKILL


def import_and_kill(company: Company, path: Path, *, kills: int, seed: str) -> None:
    """Kill the import again and again, then let it come to its end."""
    mapping = path.with_name("purchases.json")
    mapping.write_text(json.dumps(PURCHASES))
    arguments = [str(path), f"--mapping={mapping}", f"--tenant={company.tenant.pk}", f"--errors={path}.errors"]
    chance = random.Random(seed)
    for _ in range(kills):
        assert killed_after(chance.randint(1, 4), chance.uniform(0, 0.06), *arguments)
    assert not killed_after(10**9, 0, *arguments)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("ending", "kills"), [(".csv.gz", 3), (".parquet", 3), pytest.param(".csv.gz", 60, marks=pytest.mark.proof)]
)
def test_import__killed_again_and_again__stores_every_row_once(
    acme: Company, tmp_path: Path, ending: str, kills: int
) -> None:
    count = 60 * (kills + 1)
    when = ["yesterday" if n % 10 == 5 else "2026-01-05" for n in range(count)]
    if ending == ".parquet":
        table = {"who": ["ann"] * count, "when": when, "total": list(range(count))}
        path = write_parquet(tmp_path / "sales.parquet", table, row_group_size=70)
    else:
        path = write(tmp_path, with_bad_rows(count), ending)

    import_and_kill(acme, path, kills=kills, seed=ending)

    usable = [n for n in range(count) if n % 10 != 5]
    assert totals(acme) == usable
    with acme.scope():
        assert Receipt.objects.count() == len(usable)
    run = run_of(acme)
    assert (run.rows, run.rejected, run.stored + run.duplicates) == (count, count // 10, len(usable))
    with path.with_name(f"{path.name}.errors").open(newline="") as file:
        listed = [int(entry["line"]) for entry in csv.DictReader(file)]
    first = 6 if ending == ".parquet" else 7
    assert listed == list(range(first, count + first, 10))


def test_errors__listed_in_a_file__are_all_there_with_their_rows(acme: Company, tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + "ann,2026-01-05\n" + sale(1) + sale(2, when="=1+1") * 30)
    errors = tmp_path / "errors.csv"

    run_command(acme, path, f"--errors={errors}")

    with errors.open(newline="") as file:
        entries = list(csv.DictReader(file))
    assert [int(entry["line"]) for entry in entries] == [2, *range(4, 34)]
    assert entries[0] == {"line": "2", "reason": "It has 2 columns instead of 3.", "row": '["ann","2026-01-05"]'}
    assert json.loads(entries[1]["row"]) == {"who": "person-2", "when": "=1+1", "total": "2"}
    assert "timestamp must be a time" in entries[1]["reason"]


def test_errors__in_a_file_of_something_else__leave_it_alone(acme: Company, tmp_path: Path) -> None:
    path = write(tmp_path, sales(range(3)))

    with pytest.raises(CommandError, match="is no list of errors"):
        run_command(acme, path, f"--errors={path}")

    assert path.read_text() == sales(range(3))
    assert totals(acme) == []


def test_command__what_it_says__tells_where_it_goes_on_and_what_happened(
    acme: Company, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, with_bad_rows(400))
    interrupt(acme, path, patience=5)

    run_command(acme, path)
    resumed = capsys.readouterr()
    run_command(acme, path, "--restart")
    restarted = capsys.readouterr()

    assert "50 rows were read before: resuming at line 52." in resumed.out
    assert "Acme: 400 rows read, 351 stored, 9 there already, 40 not usable." in resumed.out
    assert "line 57: timestamp must be a time" in resumed.err
    assert "… and 15 more." in resumed.err
    assert "resuming" not in restarted.out
    assert "Acme: 400 rows read, 0 stored, 360 there already, 40 not usable." in restarted.out


def test_command__damaged_file__tells_what_was_kept_and_fails(
    acme: Company, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, sales(range(400)), ".csv.gz")
    path.write_bytes(path.read_bytes()[:-100])

    with pytest.raises(CommandError, match=r"cannot be read any further after line .*mend the file"):
        run_command(acme, path)

    assert f"{len(totals(acme)):,} stored" in capsys.readouterr().out


def run_command(company: Company, path: Path, *options: str) -> None:
    mapping = path.with_name("purchases.json")
    mapping.write_text(json.dumps(PURCHASES))
    call_command("import_events", str(path), f"--mapping={mapping}", f"--tenant={company.tenant.pk}", *options)
