"""The Celery application: queues, and every schedule of the product."""

from __future__ import annotations

import os
import sys

from celery import Celery, signals
from celery.schedules import crontab
from django.conf import settings
from django.db import close_old_connections
from kombu.transport.redis import Channel

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# A worker that loses Redis while it holds a message dies of trying to give it back, or to acknowledge it later (celery
# and kombu 5.7). So it acknowledges what it begins and gives nothing back: a nudge carries no fact, and what a worker
# leaves undone the sweeps find.
Channel.do_restore = False

app = Celery("nunchi")
app.conf.update(
    broker_url=settings.BROKER_URL,
    result_backend=None,
    task_ignore_result=True,
    task_default_queue="default",
    task_acks_late=False,
    worker_prefetch_multiplier=1,
    task_time_limit=600,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,  # however long Redis is away, its workers wait for it
    # Publishing must never hold up a request: a lost nudge is made good by the sweeps below.
    broker_transport_options={
        "socket_timeout": 1.0,
        "socket_connect_timeout": 1.0,
        "visibility_timeout": 900,
        "max_retries": 0,
    },
    task_publish_retry=False,
    worker_hijack_root_logger=False,
    task_routes={
        "segments.drain": {"queue": "live"},
        "segments.sweep_due": {"queue": "live"},
        "segments.sweep": {"queue": "live"},
        "segments.recompute": {"queue": "default"},
    },
    beat_schedule={
        "segments-sweep": {"task": "segments.sweep", "schedule": 1.0, "options": {"expires": 5}},
        "events-partitions": {"task": "events.make_partitions", "schedule": 3600.0},
        "events-retention": {"task": "events.apply_retention", "schedule": crontab(hour="3", minute="30")},
        "tenants-counts": {"task": "tenants.keep_counts", "schedule": 60.0, "options": {"expires": 60}},
    },
)
app.autodiscover_tasks()

# Workers keep their connections, and what is prepared on them, as web servers do from request to request: one that has
# failed or grown old is closed before the next task. By itself the library closes them around every task.
app.conf["CELERY_DB_REUSE_MAX"] = sys.maxsize
signals.task_prerun.connect(close_old_connections)
signals.task_postrun.connect(close_old_connections)
