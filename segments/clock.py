"""Moving the clock of a workspace for tests: what comes due by it is evaluated as of the new time."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from segments.definitions import hold_definitions
from segments.draining import sweep_due
from tenants.clock import move_clock, read_clock
from tenants.models import Tenant
from tenants.scope import current_tenant_id


def advance_clock(*, by: timedelta | None = None, to: datetime | None = None) -> datetime:
    """Move the scope's clock forward, by a duration or to an instant; returns the instant.

    Whoever evaluates people has ended before, or begins after. Once committed, the people who came due are swept.
    Raises ClockError. Needs a tenant scope.
    """
    tenant = Tenant.objects.select_for_update(no_key=True).get()
    hold_definitions()
    now = move_clock(tenant=tenant, by=to - read_clock() if to is not None else by or timedelta(0))
    tenant_id = current_tenant_id()
    transaction.on_commit(lambda: sweep_due(tenant_id=tenant_id))
    return now
