"""The measures there are, and the figures that each yields."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from benchmarks import decide, drain, due, full, ingest, live, noisy, transaction
from benchmarks.figures import Figure


@dataclass(frozen=True)
class Measure:
    """What `ONLY` chooses, by the name of any of its figures."""

    figures: tuple[str, ...]
    run: Callable[[], Iterator[Figure]]


MEASURES = (
    Measure(("ingest_transaction",), transaction.measure),
    Measure(("ingest",), partial(ingest.measure, 1000)),
    Measure(("ingest_10",), partial(ingest.measure, 10)),
    Measure(("ingest_1",), partial(ingest.measure, 1)),
    Measure(("full",), full.measure),
    Measure(("decide_statements",), decide.measure_statements),
    *(Measure((kind, f"{kind}_p99"), partial(decide.measure, kind)) for kind in decide.KINDS),
    Measure(("drain_statements",), drain.measure),
    Measure(("live", "live_p50"), partial(live.measure, live.RATE, "live")),
    Measure(("live_sustained", "live_sustained_p50"), partial(live.measure, live.SUSTAINED, "live_sustained")),
    Measure(("live_growth",), live.measure_growth),
    Measure(("due_wave", "due_wave_live_p99"), due.measure),
    Measure(("noisy",), noisy.measure),
)
