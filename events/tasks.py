"""Background work of events."""

from __future__ import annotations

from celery import shared_task

from events.partitions import make_partitions


# Limit: making two empty tables takes milliseconds unless somebody holds the table; the next hour tries again.
@shared_task(name="events.make_partitions", time_limit=120, soft_time_limit=60)
def make_event_partitions() -> None:
    make_partitions()
