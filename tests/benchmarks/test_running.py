"""A run of the benchmarks: what is recorded, and what a failed audit does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks import report
from benchmarks.figures import AuditFailed, Figure, percentile
from benchmarks.measures import MEASURES, Measure
from benchmarks.running import run

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(report, "FOLDER", tmp_path)
    return tmp_path


def figure(name: str, value: float = 3) -> Figure:
    return Figure(
        name=name, value=value, unit="ms", reference="by hand", reference_value=2, conditions="none", more={"probes": 7}
    )


def measure(*figures: Figure, names: tuple[str, ...] = (), fails: bool = False) -> Measure:
    def work() -> Iterator[Figure]:
        yield from figures
        if fails:
            raise AuditFailed("one is missing")

    return Measure(names or tuple(one.name for one in figures), work)


def rows(folder: Path) -> dict[str, Any]:
    return {row["name"]: row for row in json.loads((folder / "results.json").read_text())}


def test_run__measures__are_recorded_beside_their_references(folder: Path) -> None:
    code = run([measure(figure("fast")), measure(figure("slow", 8), figure("slow_p50"))])

    assert code == 0
    assert list(rows(folder)) == ["fast", "slow", "slow_p50"]
    recorded = rows(folder)["slow"]
    assert recorded["ratio"] == 4
    assert recorded["probes"] == 7
    assert {"name", "value", "unit", "reference", "reference_value", "ratio", "conditions"} <= set(recorded)
    page = (folder / "README.md").read_text()
    assert "| [slow](#slow) | 8 ms | 2 | 4.0 |" in page
    assert "`fsync = on`" in page
    assert "unix_socket" not in page


def test_run__of_one_measure__replaces_its_figures_in_place(folder: Path) -> None:
    run([measure(figure("fast")), measure(figure("slow"))])

    run([measure(figure("fast", 9))])

    assert {name: row["value"] for name, row in rows(folder).items()} == {"fast": 9, "slow": 3}
    assert list(rows(folder)) == ["fast", "slow"]


def test_run__audit_fails__has_no_such_figure_keeps_the_others_and_fails(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run([measure(figure("fast")), measure(figure("slow"))])

    code = run([measure(names=("fast",), fails=True), measure(figure("slow", 9))])

    assert code == 1
    assert {name: row["value"] for name, row in rows(folder).items()} == {"slow": 9}
    told = capsys.readouterr().err
    assert "No figure: one is missing." in told
    assert "these have no figure: fast." in told


def test_measures__figures__have_names_of_their_own() -> None:
    names = [name for one in MEASURES for name in one.figures]

    assert len(names) == len(set(names))


def test_percentile__share__is_the_least_value_that_covers_it() -> None:
    assert percentile([5, 1, 4, 2, 3], 0.5) == 3
    assert percentile([float(number) for number in range(1, 101)], 0.99) == 99
    assert percentile([7], 0.99) == 7
