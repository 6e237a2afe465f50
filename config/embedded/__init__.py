"""Postgres and Redis (Valkey) of our own, for installations that name neither.

`addresses` tells where they are without starting anything; inside `running` they run. Each is used only where
its URL (`DATABASE_URL`, `REDIS_URL`) is unset. Knows nothing of Django: the settings import this package.
"""

from config.embedded.lifetime import Status, keep, needed, running, start_missing, status, stop
from config.embedded.state import Addresses, EmbeddedError, addresses, default_state_dir

__all__ = [
    "Addresses",
    "EmbeddedError",
    "Status",
    "addresses",
    "default_state_dir",
    "keep",
    "needed",
    "running",
    "start_missing",
    "status",
    "stop",
]
