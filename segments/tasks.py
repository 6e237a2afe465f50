"""Background work of segments: digesting news and the due, computing new definitions.

Each task is one tenant's turn: bounded, and queued again behind the others' turns when something is left.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from uuid import UUID

from celery import shared_task
from django.db import OperationalError

from events.nudges import begin, nudge, turn
from segments.draining import drain, is_anybody_due, is_anybody_touched, sweep_due, tenants_with_work
from segments.recomputation import advance_recomputation

_RETRIES = {"autoretry_for": (OperationalError,), "max_retries": 5, "retry_backoff": 1, "retry_backoff_max": 30}
BATCHES_A_TURN = 5
CHUNKS_A_TURN = 20


# Limits: a batch takes well under a second; a minute means that something is wrong and the next sweep takes over.
@shared_task(name="segments.drain", time_limit=120, soft_time_limit=60, **_RETRIES)
def drain_tenant(*, tenant_id: str) -> None:
    """The people with news."""
    _take_turn("segments.drain", UUID(tenant_id), drain, is_anybody_touched)


@shared_task(name="segments.sweep_due", time_limit=120, soft_time_limit=60, **_RETRIES)
def sweep_tenant(*, tenant_id: str) -> None:
    """The people who came due."""
    _take_turn("segments.sweep_due", UUID(tenant_id), sweep_due, is_anybody_due)


def _take_turn(name: str, tenant_id: UUID, digest: Callable[..., int], is_anybody_left: Callable[..., bool]) -> None:
    """One at a time of a tenant, so that it never occupies every worker."""
    with turn(name, tenant_id=tenant_id):
        done = digest(tenant_id=tenant_id, batches=BATCHES_A_TURN)
    # Without progress it is left to the next sweep.
    if done and is_anybody_left(tenant_id=tenant_id):
        nudge(name, tenant_id=tenant_id)


@shared_task(name="segments.sweep", time_limit=120, soft_time_limit=60)
def sweep() -> None:
    """The safety net and the clock: everybody with something due, or whose nudge was lost, gets a turn."""
    tenant_ids = tenants_with_work()
    random.shuffle(tenant_ids)  # when the queue is long it is not always the same ones who wait
    for tenant_id in tenant_ids:
        for name in ("segments.sweep_due", "segments.drain", "segments.recompute"):
            nudge(name, tenant_id=tenant_id)


# Limits: a chunk is bounded; the run resumes where a killed task left it.
@shared_task(name="segments.recompute", time_limit=3600, soft_time_limit=3500, **_RETRIES)
def recompute(*, tenant_id: str) -> None:
    """Chunks of a new definition."""
    begin("segments.recompute", tenant_id=tenant_id)
    for _ in range(CHUNKS_A_TURN):
        if not advance_recomputation(tenant_id=UUID(tenant_id)):
            return
    nudge("segments.recompute", tenant_id=tenant_id)
