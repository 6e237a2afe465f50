"""A tenant's clock: the database's; that of a workspace for tests is as far ahead as its server key has moved it.

Whatever is ordered by a person's lock reads it after the lock. It never goes back.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection

from tenants.models import Tenant

FURTHEST = timedelta(days=400)
"""How far ahead of the database a clock may be: partitions are made for as long."""

CREATE_CLOCK = """
    CREATE FUNCTION tenants_clock() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
        SELECT clock_timestamp() + coalesce((
            SELECT clock_offset FROM tenants_tenant
            WHERE id = NULLIF(current_setting('nunchi.tenant_id', true), '')::uuid
        ), interval '0')
    $$
"""


class ClockError(ValueError):
    """The clock cannot be moved so; `code` is for programs, the message for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def read_clock() -> datetime:
    """The instant by the clock of the scope's tenant. In SQL: `tenants_clock()`, once a statement."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenants_clock()")
        return cursor.fetchone()[0]


def move_clock(*, tenant: Tenant, by: timedelta) -> datetime:
    """Move the clock of the scope's tenant, whose row the caller has locked, forward; returns the instant.

    Raises ClockError for a workspace that is not one for tests, for a move back, and for one beyond FURTHEST.
    """
    if not tenant.is_test:
        raise ClockError("not_a_test_workspace", "Only the clock of a workspace made for tests can be moved.")
    if by < timedelta(0):
        raise ClockError("clock_goes_forward", "The clock cannot be moved back.")
    if tenant.clock_offset + by > FURTHEST:
        raise ClockError("clock_too_far", f"The clock can be at most {FURTHEST.days} days ahead.")
    tenant.clock_offset += by
    tenant.save(update_fields=["clock_offset"])
    return read_clock()
