"""A Redis of a test's own that it may stop, and a worker with one slot that a test works by hand."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from typing import Any

from celery import current_app
from kombu import pools

from config import embedded
from config.embedded.account import open_home
from config.embedded.state import read_or_create_state
from config.embedded.valkey import Valkey


@contextmanager
def own_redis(*, state_dir: Path, settings: Any) -> Iterator[Valkey]:
    """Cache and queue are at a Valkey of our own, which runs; it can be stopped and started."""
    state = read_or_create_state(state_dir=state_dir)
    home = Path(state.home)
    valkey = Valkey(state, home, open_home(home))
    former = current_app.conf.broker_url
    settings.REDIS_URL = state.addresses.redis_url
    try:
        valkey.start()
        _use_broker(state.addresses.broker_url)
        yield valkey
    finally:
        _use_broker(former)
        embedded.stop(state_dir)
        shutil.rmtree(home)


def _use_broker(url: str) -> None:
    pools.reset()  # they are known by their address, so a closed one would be found again
    current_app.conf.broker_url = url
    current_app._pool = current_app.amqp._producer_pool = None


def take_turn(queue: str = "live") -> tuple[str, str | None] | None:
    """Run the oldest task of a queue; returns its name and tenant; None where nothing is queued."""
    with current_app.connection_for_read() as connection:
        waiting = connection.SimpleQueue(queue, no_ack=True)
        try:
            message = waiting.get(block=False)
        except Empty:
            return None
        finally:
            waiting.close()
    kwargs = message.payload[1]
    name = message.headers["task"]
    current_app.tasks[name](**kwargs)
    return name, kwargs.get("tenant_id")
