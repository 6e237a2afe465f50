"""How soon what people do shows in 100 segments: over the whole past, and over one ten times smaller."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TypedDict

from benchmarks import audit, base, databases, definitions, installation
from benchmarks.figures import Figure
from benchmarks.flow import Flow, run_flow
from benchmarks.people import person_id_of
from benchmarks.scale import PEOPLE, note, scaled, seconds, tell

RATE = scaled(1000, least=20)
SUSTAINED = scaled(250, least=10)
"""What two cores digest without falling behind; growth and waves are measured beside it."""
REQUESTS_A_SECOND = 20
SECONDS = seconds(60)
AIM_MS = 250
PROCESSES = ("web", "live", "worker", "beat")
LIMITED_BY = (
    "the processors, which the web worker, two live workers, the database and the load share; most of the time goes to "
    "reading and judging the history of whoever did something, some two hundred events each, because those who do much "
    "are met often"
)


def measure(rate: int, name: str) -> Iterator[Figure]:
    """From the answer to the stored change at so many events a second: p99 and p50."""
    flow, processors = _run(PEOPLE, rate)
    for figure, share, reference, reference_value in (
        (name, 0.99, "the aim", AIM_MS),
        (f"{name}_p50", 0.50, "p99 of the same run", flow.at(0.99)),
    ):
        yield Figure(
            name=figure,
            value=flow.at(share),
            unit="ms",
            reference=reference,
            reference_value=reference_value,
            conditions=_conditions(flow, rate, PEOPLE),
            limited_by=LIMITED_BY,
            more=flow.more | {"processors_busy": processors},
        )


def measure_growth() -> Iterator[Figure]:
    flow, _ = _run(PEOPLE, SUSTAINED)
    large, small = flow.at(0.99), _run(PEOPLE // 10, SUSTAINED)[0].at(0.99)
    yield Figure(
        name="live_growth",
        value=round(large / small, 2),
        unit="times",
        reference="no growth",
        reference_value=1,
        conditions=f"p99 of {_conditions(flow, SUSTAINED, PEOPLE)}, by that of the same over {PEOPLE // 10:,} people",
        limited_by=LIMITED_BY,
        more={"p99_ms": large, "p99_ms_over_a_tenth": small},
    )


@cache
def _run(people: int, rate: int) -> tuple[Flow, dict[str, float]]:
    """So many events a second over a past of so many people, audited; once a run."""
    with databases.clone(definitions.live(people)):
        workspace = base.find_workspace()
        with installation.running(*PROCESSES) as running:
            tell(f"{rate:,} events/s for {SECONDS} s over {people:,} people")
            audit.drained(patience_seconds=600)  # what came due since the past was made
            running.start_clock()
            flow = run_flow(port=running.port, workspace=workspace, **sent_at(rate), seconds=SECONDS)
            processors = running.processors()
            audit.drained(patience_seconds=60)
        busiest = [person_id_of(workspace.tenant_id, number) for number in range(min(people, 1000))]
        compared = audit.memberships_exact(workspace.tenant_id, among=busiest)
    tell(f"p50 {flow.at(0.5)} ms, p99 {flow.at(0.99)} ms; memberships of {compared:,} people are exact")
    return flow, processors


class Sending(TypedDict):
    """How a flow is sent."""

    events_a_second: int
    batch: int


def sent_at(rate: int) -> Sending:
    return {"events_a_second": rate, "batch": max(1, rate // REQUESTS_A_SECOND)}


def _conditions(flow: Flow, rate: int, people: int) -> str:
    batch = sent_at(rate)["batch"]
    return (
        f"{flow.load} of the browser SDK in batches of {batch}, one in {batch} a probe, {SECONDS} s; "
        f"{definitions.LIVE_SEGMENTS} segments, {base.size_of_past(people)}; one web worker, the standard workers; "
        f"from the answer read to the row seen, which is looked for every 4 ms{note()}"
    )
