"""Background work of tenants."""

from __future__ import annotations

from datetime import UTC, datetime

from celery import shared_task

from tenants.quotas import keep_counts


# Limit: a short statement a tenant; the next minute goes on where this one was stopped.
@shared_task(name="tenants.keep_counts", time_limit=120, soft_time_limit=60)
def keep_use() -> None:
    keep_counts(datetime.now(UTC))
