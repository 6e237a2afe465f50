"""Where figures go: results.json, and the page that shows it."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.figures import Figure

FOLDER = Path(os.environ.get("RESULTS") or Path(__file__).parent)
_INTRODUCTION = """\
# Benchmarks

`make bench` measures all, `make bench ONLY=ingest` one of them. `SCALE=0.01` tries out a hundredth of the size,
`KEEP=1` keeps the databases for the next run of the same day, `RESULTS=folder` writes elsewhere. The benchmarks start a
Postgres and a Valkey of their own and remove them at the end; an installation in the same folder is not touched.

A figure counts only when the same run passes the equality audit: every accepted event stored once, stored memberships
equal to a recomputation, answers equal to those by hand. Otherwise there is none, and the run ends with an error.
Latencies are p99 unless the name says otherwise.
"""


def record(figures: Sequence[Figure], *, instead_of: Collection[str]) -> None:
    """Put the figures in the place of those of these names, keep the others, render the page."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / "results.json"
    rows = json.loads(path.read_text()) if path.exists() else []
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    fresh = {figure.name: figure.as_row() | {"measured_on": today} for figure in figures}
    places = [row["name"] for row in rows] + [name for name in fresh if name not in {row["name"] for row in rows}]
    known = {row["name"]: row for row in rows if row["name"] not in instead_of} | fresh
    ordered = [known[name] for name in places if name in known]
    path.write_text(json.dumps(ordered, indent=2, ensure_ascii=False) + "\n")
    (FOLDER / "README.md").write_text(_page(ordered))


def _page(rows: Sequence[dict[str, Any]]) -> str:
    lines = [_INTRODUCTION, "The machine of the last run:", "", *machine.describe(), ""]
    lines += ["| measure | value | reference | ratio |", "|---|---|---|---|"]
    for row in rows:
        lines.append(
            f"| [{row['name']}](#{row['name']}) | {row['value']:,} {row['unit']} "
            f"| {row['reference_value']:,} | {row['ratio']} |"
        )
    for row in rows:
        lines += ["", f"## {row['name']}", ""]
        lines.append(f"{row['value']:,} {row['unit']}, measured on {row.get('measured_on', 'an earlier day')}.")
        lines.append(f"Conditions: {row['conditions']}.")
        lines.append(f"Reference: {row['reference']}.")
        if limit := row.get("limited_by"):
            lines.append(f"Limited by: {limit}.")
        if more := {key: value for key, value in row.items() if key not in _TOLD}:
            lines.append(f"Also: {'; '.join(f'{key} {_text(value)}' for key, value in more.items())}.")
    return "\n".join(lines) + "\n"


_TOLD = {
    "name", "value", "unit", "reference", "reference_value", "ratio", "conditions", "limited_by", "measured_on",
}  # fmt: skip


def _text(value: object) -> str:
    if isinstance(value, dict):
        return f"({', '.join(f'{key} {_text(inner)}' for key, inner in value.items())})"
    return f"{value:,}" if isinstance(value, int | float) else str(value)
