"""What Prometheus is told: requests by route, and the work that waits."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

if TYPE_CHECKING:
    from config.health import WorkLag

REQUESTS = Counter("nunchi_requests", "Requests answered.", ["method", "route", "status"])
SECONDS = Histogram(
    "nunchi_request_seconds",
    "Time to answer a request.",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestMetricsMiddleware:
    """Count requests by route (the pattern, never the address: addresses hold ids and are endless)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        response = self.get_response(request)
        route = request.resolver_match.route if request.resolver_match else "unresolved"
        method = request.method if request.method in _METHODS else "other"
        REQUESTS.labels(method, route, str(response.status_code)).inc()
        SECONDS.labels(route).observe(time.perf_counter() - began)
        return response


class _Waiting:
    """Values that belong to the installation rather than to a process, asked for when scraped."""

    def __init__(self, lag: WorkLag | None, queues: dict[str, int]) -> None:
        self.lag, self.queues = lag, queues

    def collect(self) -> Iterable[Metric]:
        yield GaugeMetricFamily(
            "nunchi_database_up", "Whether the database answers.", value=float(self.lag is not None)
        )
        if self.lag is not None:
            yield GaugeMetricFamily(
                "nunchi_outbox_lag_seconds", "Age of the oldest undigested person.", value=self.lag.outbox_seconds
            )
            yield GaugeMetricFamily(
                "nunchi_due_lag_seconds", "Age of the oldest overdue membership.", value=self.lag.due_seconds
            )
        lengths = GaugeMetricFamily("nunchi_queue_length", "Tasks that wait in a queue.", labels=["queue"])
        for name, length in self.queues.items():
            lengths.add_metric([name], length)
        yield lengths


def exposition(*, lag: WorkLag | None, queues: dict[str, int]) -> tuple[bytes, str]:
    """The body and its content type; over all processes where PROMETHEUS_MULTIPROC_DIR is set."""
    shared = CollectorRegistry()
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        MultiProcessCollector(shared)
        own = generate_latest(shared)
    else:
        own = generate_latest(REGISTRY)
    waiting = CollectorRegistry()
    waiting.register(_Waiting(lag, queues))
    return own + generate_latest(waiting), CONTENT_TYPE_LATEST
