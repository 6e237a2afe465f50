"""Whoever loses a race to another transaction begins again: a deadlock, or people who changed before their lock."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import structlog
from django.db import DatabaseError, IntegrityError, OperationalError, connection

from events.partitions import make_partitions

log = structlog.get_logger(__name__)
T = TypeVar("T")

ATTEMPTS = 5
_DEADLOCK, _SERIALISATION, _NO_PARTITION = "40P01", "40001", "23514"


class PeopleChanged(Exception):
    """Somebody was merged or erased between the look and the lock: the transaction must begin again."""


def is_lost_race(error: BaseException) -> bool:
    """Whether the same transaction, begun again, may well succeed."""
    return isinstance(error, PeopleChanged) or _sqlstate(error) in (_DEADLOCK, _SERIALISATION)


def attempts() -> Iterator[int]:
    """The numbers of the attempts, with a growing pause of a random length between them."""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311  (not a secret)
        yield attempt


def persistently(transact: Callable[[], T]) -> T:
    """Begin again after a lost race or with missing partitions; inside somebody's transaction there is one try.

    Raises OperationalError when the race is lost each time.
    """
    for attempt in attempts():
        try:
            return transact()
        except (PeopleChanged, OperationalError, IntegrityError) as error:
            code = _sqlstate(error)
            worthwhile = is_lost_race(error) or code == _NO_PARTITION
            if not worthwhile or connection.in_atomic_block or attempt == ATTEMPTS - 1:
                if isinstance(error, PeopleChanged):
                    raise OperationalError("these people keep changing") from error
                raise
            log.info("transaction.begun_again", attempt=attempt, reason=code or "people_changed")
            if code == _NO_PARTITION:
                make_partitions()
    raise AssertionError("unreachable")


def _sqlstate(error: BaseException) -> str | None:
    return getattr(error.__cause__, "sqlstate", None) if isinstance(error, DatabaseError) else None
