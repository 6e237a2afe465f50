"""How many people a condition has now, before it is saved: counted exactly, or not at all when that takes too long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction

from segments.definitions import validate
from segments.membership import count_members
from tenants.clock import read_clock

MAX_SECONDS = 5


@dataclass(frozen=True)
class Estimate:
    members: int
    people: int
    at: datetime


class TooSlow(Exception):
    """The count was given up after MAX_SECONDS."""


def estimate(*, condition: Any, own_id: UUID | None = None) -> Estimate:
    """Count everybody who satisfies the condition; raises ConditionError or TooSlow. Needs a tenant scope."""
    node = validate(condition, own_id=own_id)
    at = read_clock()
    try:
        with transaction.atomic(), _statement_timeout(seconds=MAX_SECONDS):
            members, people = count_members(node)
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != "57014":  # query_canceled
            raise
        raise TooSlow from error
    return Estimate(members=members, people=people, at=at)


@contextmanager
def _statement_timeout(*, seconds: int) -> Iterator[None]:
    """A shorter time-out for a part of the transaction; the rollback to its savepoint restores it too."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('statement_timeout')")
        former = cursor.fetchone()[0]
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(seconds * 1000)])
        yield
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [former])
