"""How large a run is: `SCALE=0.01` tries everything out with a hundredth of the people, their events and the load."""

from __future__ import annotations

import os
import time

SCALE = float(os.environ.get("SCALE") or 1)
PEOPLE = round(500_000 * SCALE)
EVENTS_A_PERSON = 20
_began = time.monotonic()


def scaled(number: int, *, least: int) -> int:
    return max(least, round(number * SCALE))


def seconds(number: int) -> int:
    """How long to measure; down to a tenth of the scale it takes its time."""
    return number if SCALE >= 0.1 else max(4, round(number * SCALE * 10))


def note() -> str:
    """What a figure's conditions say about a scale that is not the real one."""
    return "" if SCALE == 1 else f" (tried out with SCALE={SCALE:g})"


def tell(text: str) -> None:
    """Say how far the run is."""
    print(f"  {time.monotonic() - _began:5.0f} s  {text}", flush=True)
