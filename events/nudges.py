"""Nudges: "there is work" to the workers, by task name, without ever holding up or failing whoever gives them.

A nudge carries no fact: the work is in the database and a periodic sweep finds it. So a nudge may be lost, and while
Redis is away none is tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import redis
import structlog
from celery import current_app
from django.conf import settings

from tenants.quick_redis import Breaker, client_of

log = structlog.get_logger(__name__)

# A queued nudge and its key die together: should both be lost, the next nudge after this time is queued again.
LIFE_SECONDS = 30
# A turn takes less; should its worker die, the next nudge after this time is queued again.
TURN_SECONDS = 10

breaker = Breaker()


def nudge(task_name: str, *, tenant_id: UUID | str) -> bool:
    """Queue the task for the tenant unless it is queued already; returns whether it was queued. Never raises."""
    if not breaker.may_try():
        return False
    key = _key(task_name, tenant_id)
    try:
        keys = client_of(settings.REDIS_URL)
        if not keys.set(key, 1, nx=True, ex=LIFE_SECONDS):
            breaker.reset()
            return False
        try:
            current_app.send_task(
                task_name, kwargs={"tenant_id": str(tenant_id)}, expires=LIFE_SECONDS, retry=False, ignore_result=True
            )
        except Exception:
            keys.delete(key)  # nothing is queued
            raise
    except Exception as error:
        breaker.fail()
        log.warning("nudge.failed", task=task_name, tenant_id=str(tenant_id), error=type(error).__name__)
        return False
    breaker.reset()
    return True


def begin(task_name: str, *, tenant_id: UUID | str) -> None:
    """Said by the task before it looks for work, so that what comes from then on is nudged anew. Never raises."""
    try:
        client_of(settings.REDIS_URL).delete(_key(task_name, tenant_id))
    except redis.RedisError as error:
        log.warning("nudge.not_cleared", task=task_name, tenant_id=str(tenant_id), error=type(error).__name__)


@contextmanager
def turn(task_name: str, *, tenant_id: UUID | str) -> Iterator[None]:
    """Around a task of which a tenant needs no two at a time: while it lasts none is queued. Never raises by itself.

    Whoever came meanwhile could not nudge: look for work once more after it.
    """
    try:
        client_of(settings.REDIS_URL).set(_key(task_name, tenant_id), 1, ex=TURN_SECONDS)
    except redis.RedisError as error:
        log.warning("nudge.not_held", task=task_name, tenant_id=str(tenant_id), error=type(error).__name__)
    try:
        yield
    finally:
        begin(task_name, tenant_id=tenant_id)


def resume() -> None:
    """Forget a failure."""
    breaker.reset()


def _key(task_name: str, tenant_id: UUID | str) -> str:
    return f"nunchi:nudge:{task_name}:{tenant_id}"
