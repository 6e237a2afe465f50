"""Background work of segments: draining news, sweeping the due, computing new definitions."""

from __future__ import annotations

import random
from uuid import UUID

import structlog
from celery import shared_task
from django.db import DatabaseError, OperationalError

from events.nudges import begin, nudge
from segments.draining import drain, sweep_due, tenants_with_work
from segments.recomputation import advance_recomputation

log = structlog.get_logger(__name__)
_RETRIES = {"autoretry_for": (OperationalError,), "max_retries": 5, "retry_backoff": 1, "retry_backoff_max": 30}


# Limits: a batch takes well under a second; a minute means that something is wrong and the next sweep takes over.
@shared_task(name="segments.drain", time_limit=120, soft_time_limit=60, **_RETRIES)
def drain_tenant(*, tenant_id: str) -> None:
    begin("segments.drain", tenant_id=tenant_id)
    drain(tenant_id=UUID(tenant_id))


@shared_task(name="segments.sweep", time_limit=120, soft_time_limit=60)
def sweep() -> None:
    """The safety net and the clock: whatever is due, and whatever a lost nudge left behind."""
    tenant_ids = tenants_with_work()
    random.shuffle(tenant_ids)  # when time runs out it is not always the same ones who wait
    for tenant_id in tenant_ids:
        try:
            sweep_due(tenant_id=tenant_id)
            drain(tenant_id=tenant_id, batches=20)
        except DatabaseError:
            log.exception("segments.sweep_failed", tenant_id=str(tenant_id))  # the others must not wait for it
        nudge("segments.recompute", tenant_id=tenant_id)


# Limits: a chunk is bounded; the run resumes where a killed task left it.
@shared_task(name="segments.recompute", time_limit=3600, soft_time_limit=3500, **_RETRIES)
def recompute(*, tenant_id: str) -> None:
    begin("segments.recompute", tenant_id=tenant_id)
    while advance_recomputation(tenant_id=UUID(tenant_id)):
        pass
