"""Background work of events."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from celery import shared_task
from django.db import OperationalError

from events.partitions import drop_partitions, make_partitions
from events.retention import delete_expired, tenants_with_retention

_DAY = 86_400
CHUNKS_A_TURN = 20


# Limit: making two empty tables takes milliseconds unless somebody holds the table; the next hour tries again.
@shared_task(name="events.make_partitions", time_limit=120, soft_time_limit=60)
def make_event_partitions() -> None:
    make_partitions()


# Limit: dropping what is empty takes milliseconds. Who holds the table for longer is met again, then on the next day.
@shared_task(
    name="events.drop_partitions",
    time_limit=120,
    soft_time_limit=60,
    autoretry_for=(OperationalError,),
    max_retries=5,
    retry_backoff=60,
)
def drop_event_partitions() -> None:
    drop_partitions()


@shared_task(name="events.apply_retention", time_limit=120, soft_time_limit=60)
def apply_retention() -> None:
    """Every day, tenant by tenant; then drop what was emptied until the day before, and is vacuumed by now."""
    for tenant_id in tenants_with_retention():
        delete_expired_events.apply_async(kwargs={"tenant_id": str(tenant_id)}, expires=_DAY)
    drop_event_partitions.apply_async(expires=_DAY)


# Limit: a chunk takes well under a second; what a killed turn leaves, the next day finds.
@shared_task(name="events.delete_expired", time_limit=300, soft_time_limit=240)
def delete_expired_events(*, tenant_id: str) -> None:
    """A tenant's turn, queued again behind the others' until nothing is left."""
    if not delete_expired(tenant_id=UUID(tenant_id), now=datetime.now(UTC), chunks=CHUNKS_A_TURN):
        delete_expired_events.apply_async(kwargs={"tenant_id": tenant_id}, expires=_DAY)
