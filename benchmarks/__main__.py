"""`make bench`: measures beside references, on a database of its own; a figure counts only when its audit passes.

`make bench ONLY=ingest` runs one measure. Results go to benchmarks/results.json and benchmarks/README.md.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from dataclasses import asdict
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
HERE = Path(__file__).parent


def main() -> int:
    from config import embedded

    with embedded.running():
        django.setup()
        from django.db import connection

        from benchmarks.measures import MEASURES, Figure

        only = os.environ.get("ONLY", "")
        if only and only not in MEASURES:
            print(f"There is no measure “{only}”. There are: {', '.join(MEASURES)}.", file=sys.stderr)
            return 2
        former = connection.settings_dict["NAME"]
        connection.settings_dict["TEST"]["NAME"] = "bench_nunchi"
        connection.creation.create_test_db(verbosity=0, autoclobber=True)
        figures: list[Figure] = []
        try:
            for name, measure in MEASURES.items():
                if only in ("", name):
                    print(f"{name} …", flush=True)
                    for figure in measure():
                        print(f"  {figure.name}: {figure.value:,} {figure.unit} (reference {figure.reference_value:,})")
                        figures.append(figure)
        finally:
            connection.creation.destroy_test_db(former, verbosity=0)
    write([asdict(figure) for figure in figures])
    return 0


def write(figures: list[dict[str, object]]) -> None:
    """Replace the figures that were measured, keep the others, render the page."""
    path = HERE / "results.json"
    known = {row["name"]: row for row in (json.loads(path.read_text()) if path.exists() else [])}
    known |= {row["name"]: row for row in figures}
    path.write_text(json.dumps(list(known.values()), indent=2, ensure_ascii=False) + "\n")
    lines = [
        "# Benchmarks",
        "",
        f"Machine of the last run: {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, "
        "embedded PostgreSQL with fsync on. `make bench` measures anew.",
        "",
        "| measure | value | reference | its value | ratio | conditions |",
        "|---|---|---|---|---|---|",
    ]
    for row in known.values():
        lines.append(
            f"| {row['name']} | {row['value']:,} {row['unit']} | {row['reference']} | {row['reference_value']:,} "
            f"| {row['ratio']} | {row['conditions']} |"
        )
    (HERE / "README.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
