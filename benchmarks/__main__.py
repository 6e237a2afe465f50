"""`make bench`: measures beside references, on servers of its own; a figure counts only when its audit passes.

`make bench ONLY=ingest` runs one measure. Results go to benchmarks/results.json and benchmarks/README.md.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django

ROOT = Path(__file__).resolve().parents[1]
STATE = Path(os.environ.get("NUNCHI_STATE_DIR") or ROOT / "var") / "bench"
# Never on the database or the broker of an installation: their workers would take the benchmarks' work.
for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "NUNCHI_BROKER_URL", "NUNCHI_SECRET_KEY"):
    os.environ.pop(name, None)
os.environ["NUNCHI_STATE_DIR"] = str(STATE)
os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
os.environ.setdefault("NUNCHI_LOG_LEVEL", "WARNING")


def main() -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # whatever ends it, everything is removed
        signal.signal(number, lambda received, _frame: sys.exit(128 + received))
    with _own_servers() as is_ours:
        if not is_ours:
            print("Another run of the benchmarks is under way here.", file=sys.stderr)
            return 2
        django.setup()
        from benchmarks.measures import MEASURES
        from benchmarks.running import run

        only = os.environ.get("ONLY", "")
        chosen = [measure for measure in MEASURES if only in ("", *measure.figures)]
        if not chosen:
            known = ", ".join(figure for measure in MEASURES for figure in measure.figures)
            print(f"There is no measure “{only}”. There are: {known}.", file=sys.stderr)
            return 2
        return run(chosen)


@contextmanager
def _own_servers() -> Iterator[bool]:
    """A Postgres and a Valkey for this run, removed with all their data unless KEEP is set; False if one has them."""
    from config import embedded
    from config.embedded.locks import FileLock
    from config.embedded.state import read_or_create_state

    STATE.mkdir(parents=True, exist_ok=True, mode=0o711)
    with FileLock(STATE / "run.lock") as lock:
        if not lock.try_exclusive():
            yield False
            return
        home = Path(read_or_create_state(state_dir=STATE).home)
        try:
            with embedded.running(STATE):
                yield True
        finally:
            if not os.environ.get("KEEP"):
                shutil.rmtree(home, ignore_errors=True)
                shutil.rmtree(STATE, ignore_errors=True)


if __name__ == "__main__":
    raise SystemExit(main())
