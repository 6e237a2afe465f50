from __future__ import annotations

from typing import Any

from tenants import quick_redis
from tenants.quick_redis import PAUSE_SECONDS, Breaker, ask


def test_breaker__after_a_failure__lets_one_try_once_the_pause_is_over() -> None:
    breaker = Breaker()
    breaker.fail()

    during = breaker.may_try()
    breaker.paused_until -= PAUSE_SECONDS
    first, second = breaker.may_try(), breaker.may_try()
    breaker.reset()

    assert (during, first, second) == (False, True, False)
    assert breaker.may_try()
    assert breaker.may_try()


def test_ask__redis_away__is_none_and_tried_no_more_for_a_while(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    tried = []

    answers = [ask(lambda client: tried.append(1) or client.ping()) for _ in range(3)]

    assert (answers, len(tried)) == ([None] * 3, 1)
    assert quick_redis.breaker.is_paused


def test_ask__redis_there__is_its_answer() -> None:
    assert ask(lambda client: client.ping()) is True
