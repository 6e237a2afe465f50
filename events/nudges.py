"""Nudges: "there is work" to the workers, by task name, without ever holding up or failing whoever gives them.

A nudge carries no fact: the work is in the database and a periodic sweep finds it. So a nudge may be lost, and while
Redis is away none is tried.
"""

from __future__ import annotations

import time
from functools import lru_cache
from uuid import UUID

import redis
import structlog
from celery import current_app
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

log = structlog.get_logger(__name__)

# A queued nudge and its key die together: should both be lost, the next nudge after this time is queued again.
LIFE_SECONDS = 30
# After a failure none is tried for so long: a broker that does not answer costs one request its time-out, not each.
PAUSE_SECONDS = 5.0
_TIMEOUT_SECONDS = 0.2

_paused_until = 0.0


def nudge(task_name: str, *, tenant_id: UUID | str) -> bool:
    """Queue the task for the tenant unless it is queued already; returns whether it was queued. Never raises."""
    global _paused_until
    if time.monotonic() < _paused_until:
        return False
    try:
        if not _client(settings.REDIS_URL).set(_key(task_name, tenant_id), 1, nx=True, ex=LIFE_SECONDS):
            return False
        current_app.send_task(
            task_name, kwargs={"tenant_id": str(tenant_id)}, expires=LIFE_SECONDS, retry=False, ignore_result=True
        )
    except Exception as error:
        _paused_until = time.monotonic() + PAUSE_SECONDS
        log.warning("nudge.failed", task=task_name, tenant_id=str(tenant_id), error=type(error).__name__)
        return False
    return True


def begin(task_name: str, *, tenant_id: UUID | str) -> None:
    """Said by the task before it looks for work, so that what comes from then on is nudged anew. Never raises."""
    try:
        _client(settings.REDIS_URL).delete(_key(task_name, tenant_id))
    except redis.RedisError as error:
        log.warning("nudge.not_cleared", task=task_name, tenant_id=str(tenant_id), error=type(error).__name__)


def resume() -> None:
    """Forget a failure."""
    global _paused_until
    _paused_until = 0.0


def _key(task_name: str, tenant_id: UUID | str) -> str:
    return f"nunchi:nudge:{task_name}:{tenant_id}"


@lru_cache(maxsize=4)
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        socket_timeout=_TIMEOUT_SECONDS,
        socket_connect_timeout=_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
