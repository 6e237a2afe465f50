"""Nudges: at most one queued a task and tenant, and never in anybody's way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from celery import current_app

from events import nudges

TASK = "events.test_nudge"


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    nudges.resume()
    yield
    nudges.resume()
    with current_app.connection_for_write() as broker:
        broker.default_channel.client.delete("default")


def test_nudge__given_again_before_the_task_began__is_queued_once() -> None:
    tenant_id, other_id = uuid4(), uuid4()

    first = [nudges.nudge(TASK, tenant_id=tenant_id) for _ in range(3)]
    other = nudges.nudge(TASK, tenant_id=other_id)
    nudges.begin(TASK, tenant_id=str(tenant_id))
    after = nudges.nudge(TASK, tenant_id=str(tenant_id))

    assert (first, other, after) == ([True, False, False], True, True)


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "unix:///nowhere/redis.sock", "redis://192.0.2.1:6379/0"])
def test_nudge__while_redis_is_away__fails_once_and_then_waits(settings: Any, url: str) -> None:
    settings.REDIS_URL = url

    assert nudges.nudge(TASK, tenant_id=uuid4()) is False
    nudges.begin(TASK, tenant_id=uuid4())

    settings.REDIS_URL = "not even an address"
    assert nudges.nudge(TASK, tenant_id=uuid4()) is False
    nudges.resume()
    assert nudges.nudge(TASK, tenant_id=uuid4()) is False


def test_nudge__of_what_is_queued_already__ends_the_caution_after_a_failure(settings: Any) -> None:
    """Planted bug: after one failure each nudge that found its task queued began another pause (seen to fail)."""
    tenant_id, alive = uuid4(), settings.REDIS_URL
    nudges.nudge(TASK, tenant_id=tenant_id)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    nudges.nudge(TASK, tenant_id=uuid4())
    settings.REDIS_URL = alive
    nudges.breaker.paused_until = 0.001  # the pause is over

    assert nudges.nudge(TASK, tenant_id=tenant_id) is False
    assert nudges.nudge(TASK, tenant_id=uuid4()) is True
