"""A run: measure after measure, each recorded as soon as it is done."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from benchmarks import databases, report
from benchmarks.figures import AuditFailed, Figure
from benchmarks.measures import Measure


def run(measures: Iterable[Measure]) -> int:
    """Measure these; the exit code: 1 if an audit failed, whose figures are then left out while the others count."""
    databases.drop_outdated()
    failed: list[str] = []
    for measure in measures:
        print(f"{', '.join(measure.figures)} …", flush=True)
        figures: list[Figure] = []
        try:
            for figure in measure.run():
                beside = f"reference {figure.reference_value:,}, ratio {figure.ratio}"
                print(f"{figure.name}: {figure.value:,} {figure.unit} ({beside})", flush=True)
                figures.append(figure)
        except AuditFailed as error:
            print(f"No figure: {error}.", file=sys.stderr, flush=True)
            failed += [name for name in measure.figures if name not in {figure.name for figure in figures}]
        report.record(figures, instead_of=measure.figures)
    if failed:
        print(f"The audit failed, so these have no figure: {', '.join(failed)}.", file=sys.stderr)
    return 1 if failed else 0
