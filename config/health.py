"""Is it alive, is it ready, how is it doing: `/healthz`, `/readyz`, `/metrics`.

Answered before hosts, sessions and tenants are looked at: a probe calls by address, and needs an answer exactly when
the rest is in trouble.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import redis
import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.functional import SimpleLazyObject

from config.metrics import exposition
from tenants.errors import json_error

log = structlog.get_logger(__name__)
_REDIS_SECONDS = 0.5
_redis: Any = SimpleLazyObject(
    lambda: redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=_REDIS_SECONDS, socket_connect_timeout=_REDIS_SECONDS
    )
)
_migrated = False


@dataclass(frozen=True)
class WorkLag:
    """How long the oldest waiting work of any tenant has waited, in seconds; 0 with none waiting."""

    outbox_seconds: float
    due_seconds: float


class HealthMiddleware:
    """Answer the three addresses; everything else goes on."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.views = {"/healthz": alive, "/readyz": ready, "/metrics": metrics}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        view = self.views.get(request.path)
        if view is None:
            return self.get_response(request)
        response = view(request)
        response["Cache-Control"] = "no-store"
        return response


def alive(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is asked."""
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> HttpResponse:
    """Whether requests can be served: 503 without database or with migrations missing; without Redis degraded, 200."""
    database, migrations, lag = _check_database()
    redis_state = "ok" if redis_answers() else "away"
    usable = database == "ok" and migrations == "ok"
    status = ("ok" if redis_state == "ok" else "degraded") if usable else "unavailable"
    body = {
        "status": status,
        "database": database,
        "migrations": migrations,
        "redis": redis_state,
        "outbox_lag_seconds": lag and round(lag.outbox_seconds, 3),
        "due_lag_seconds": lag and round(lag.due_seconds, 3),
    }
    return JsonResponse(body, status=200 if usable else 503)


def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format, for bearers of METRICS_TOKEN; with none set, for this machine alone."""
    if not _may_read_metrics(request):
        return json_error(
            403, "forbidden", "Metrics need the bearer token NUNCHI_METRICS_TOKEN, or a call from loopback."
        )
    body, content_type = exposition(lag=_find_lag(), queues=_find_queue_lengths())
    return HttpResponse(body, content_type=content_type)


def work_lag() -> WorkLag:
    with connection.cursor() as cursor:
        cursor.execute("SELECT outbox_seconds, due_seconds FROM work_lag()")
        return WorkLag(*cursor.fetchone())


def redis_answers() -> bool:
    try:
        return bool(_redis.ping())
    except redis.RedisError:
        return False


def _check_database() -> tuple[str, str, WorkLag | None]:
    """The states of the database and of its migrations, and the lag where it can be told."""
    try:
        if not _migrations_are_applied():
            return "ok", "missing", None
        return "ok", "ok", work_lag()
    except DatabaseError:
        log.warning("health.database_away", exc_info=True)
        connection.close()
        return "away", "unknown", None


def _migrations_are_applied() -> bool:
    """Once true it stays true for the life of this process: its own code does not change."""
    global _migrated
    if not _migrated:
        executor = MigrationExecutor(connection)
        _migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    else:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    return _migrated


def _find_lag() -> WorkLag | None:
    try:
        return work_lag()
    except DatabaseError:
        connection.close()
        return None


def _find_queue_lengths() -> dict[str, int]:
    try:
        return {name: _redis.llen(name) for name in ("default", "live")}
    except redis.RedisError:
        return {}


def _may_read_metrics(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        expected = f"Bearer {settings.METRICS_TOKEN}".encode()
        return hmac.compare_digest(request.META.get("HTTP_AUTHORIZATION", "").encode(), expected)
    if any(name in request.META for name in ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP")):
        return False  # a proxy on this machine speaks for somebody else
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
