"""Redis for those who must not wait for it: short time-outs, one try, and after a failure a pause without any."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

import redis
import structlog
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

log = structlog.get_logger(__name__)
T = TypeVar("T")

TIMEOUT_SECONDS = 0.2
# A Redis that does not answer costs one request in so many seconds its time-out, not each.
PAUSE_SECONDS = 5.0


class Breaker:
    """Whether something that failed may be tried: not during the pause, then by one at a time until it succeeds."""

    def __init__(self) -> None:
        self.paused_until = 0.0

    @property
    def is_paused(self) -> bool:
        return time.monotonic() < self.paused_until

    def may_try(self) -> bool:
        if self.is_paused:
            return False
        if self.paused_until:
            self.fail()  # until it is known what comes of this try, the others wait
        return True

    def fail(self) -> None:
        self.paused_until = time.monotonic() + PAUSE_SECONDS

    def reset(self) -> None:
        self.paused_until = 0.0


breaker = Breaker()


def ask(work: Callable[[redis.Redis], T]) -> T | None:
    """What Redis answers; None while it is away. Never raises for its sake, never waits long."""
    if not breaker.may_try():
        return None
    try:
        answer = work(client_of(settings.REDIS_URL))
    except redis.RedisError as error:
        breaker.fail()
        log.warning("redis.away", error=type(error).__name__)
        return None
    breaker.reset()
    return answer


@lru_cache(maxsize=4)
def client_of(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
    )
