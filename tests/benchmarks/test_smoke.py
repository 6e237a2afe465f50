"""`make bench` from end to end at a tiny scale, so that the benchmarks do not rot."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.proof


def start(tmp_path: Path, **environment: str) -> subprocess.Popen[str]:
    inherited = {name: value for name, value in os.environ.items() if name not in {"ONLY", "KEEP"}}
    own = {"SCALE": "0.005", "NUNCHI_STATE_DIR": str(tmp_path / "state"), "RESULTS": str(tmp_path / "results")}
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks"],
        cwd=ROOT,
        env=inherited | own | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def commands() -> str:
    """The command lines of all processes."""
    return subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout


def test_bench__all_measures__yield_their_figures_and_leave_nothing_behind(tmp_path: Path) -> None:
    with start(tmp_path) as process:
        output, _ = process.communicate()

    assert process.returncode == 0, output
    rows = json.loads((tmp_path / "results" / "results.json").read_text())
    assert {row["name"] for row in rows} == {
        "ingest_transaction", "ingest", "ingest_10", "ingest_1", "full", "decide_statements", "decide", "decide_p99",
        "decide_offer", "decide_offer_p99", "decide_dirty", "decide_dirty_p99", "drain_statements", "live", "live_p50",
        "live_sustained", "live_sustained_p50",
        "live_growth", "due_wave", "due_wave_live_p99", "noisy",
    }  # fmt: skip
    assert all(row["value"] > 0 and row["reference_value"] > 0 for row in rows)
    assert all("SCALE=0.005" in row["conditions"] for row in rows)
    assert not (tmp_path / "state" / "bench").exists()
    assert str(tmp_path) not in commands()


def test_bench__interrupted__stops_and_removes_everything(tmp_path: Path) -> None:
    with start(tmp_path, ONLY="live") as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "events/s for" in line:
                break
        process.send_signal(signal.SIGINT)
        process.communicate()

    assert process.returncode != 0
    assert not (tmp_path / "state" / "bench").exists()
    assert str(tmp_path) not in commands()


def test_bench__unknown_measure__says_which_there_are(tmp_path: Path) -> None:
    with start(tmp_path, ONLY="speed") as process:
        output, _ = process.communicate()

    assert process.returncode == 2
    assert "There is no measure “speed”. There are: ingest_transaction, ingest," in output
