"""Quotas: how many items a tenant's apps may send a day and a month (UTC).

What is stored is counted in Redis, and every minute kept in Postgres, from where a Redis that begins anew goes on.
While it is away nothing is refused. A quota can be passed by the batches that are under way, no further.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

import redis
from django.conf import settings
from django.db import connection
from django.db.models import Q, Sum

from tenants.errors import too_many
from tenants.keys import Caller
from tenants.models import DailyUse
from tenants.quick_redis import ask, client_of
from tenants.scope import current_tenant_id, tenant_scope

_COUNTED_FOR = timedelta(days=35)


@dataclass(frozen=True)
class Use:
    """Items stored on a day, and in its month up to then."""

    day: int
    month: int


def check_quotas(caller: Caller, *, items: int, now: datetime) -> None:
    """Refuse items that would pass a quota, all of them; raises APIError 429. Needs no scope."""
    if caller.daily_quota is None and caller.monthly_quota is None:
        return
    today = now.date()
    use = _find_counted(caller.tenant_id, today)
    if use is None:
        return
    for quota, used, noun, resets_on in (
        (caller.daily_quota, use.day, "day", today + timedelta(days=1)),
        (caller.monthly_quota, use.month, "month", (today.replace(day=1) + timedelta(days=31)).replace(day=1)),
    ):
        if quota is not None and used + items > quota:
            message = (
                f"This workspace may store {quota:,} items a {noun} and has stored {used:,}: these {items:,} are too "
                f"many. It goes on at {resets_on} 00:00 UTC, or when its quota is raised."
            )
            seconds = (datetime.combine(resets_on, time(), now.tzinfo) - now).total_seconds()
            raise too_many(code="quota_exceeded", message=message, seconds=seconds)


def count_stored(*, tenant_id: UUID, items: int, now: datetime) -> None:
    """Add items that are stored. Needs no scope; never raises for Redis' sake."""
    today = now.date()
    if not items:
        return
    counted = ask(lambda client: _add(client, tenant_id, today, Use(items, items)))
    # A count of just these is a new one: of a new day or month, or in a Redis that has lost the former.
    if counted is None or items not in (counted.day, counted.month):
        return
    kept = _find_kept(tenant_id, today)
    lost = Use(kept.day if counted.day == items else 0, kept.month if counted.month == items else 0)
    ask(lambda client: _add(client, tenant_id, today, lost))


def find_use(now: datetime) -> Use:
    """What the scope's tenant has used; without Redis, what was kept."""
    tenant_id = current_tenant_id()
    return _find_counted(tenant_id, now.date()) or _find_kept(tenant_id, now.date())


def keep_counts(now: datetime) -> None:
    """Bring the day's counts to Postgres, after midnight also the former day's; raises redis.RedisError."""
    for day in sorted({(now - timedelta(hours=1)).date(), now.date()}):
        for tenant_id, items in client_of(settings.REDIS_URL).hgetall(_day_key(day)).items():
            _keep(UUID(str(tenant_id)), day, int(items))


def _keep(tenant_id: UUID, day: date, items: int) -> None:
    with tenant_scope(tenant_id), connection.cursor() as cursor:
        # A count that has just begun anew knows less than what was kept.
        cursor.execute(
            "INSERT INTO tenants_dailyuse AS u (id, tenant_id, day, items) "
            "SELECT gen_random_uuid(), id, %s, %s FROM tenants_tenant WHERE id = %s "
            "ON CONFLICT (tenant_id, day) DO UPDATE SET items = excluded.items WHERE u.items < excluded.items",
            [day, items, tenant_id],
        )


def _find_kept(tenant_id: UUID, day: date) -> Use:
    with tenant_scope(tenant_id):
        month = DailyUse.objects.filter(day__gte=day.replace(day=1), day__lte=day)
        return Use(**month.aggregate(day=Sum("items", filter=Q(day=day), default=0), month=Sum("items", default=0)))


def _find_counted(tenant_id: UUID, day: date) -> Use | None:
    """What Redis has counted, completed from what was kept; None while it is away."""

    def read(client: redis.Redis) -> list[str | None]:
        pipeline = client.pipeline(transaction=False)
        pipeline.hget(_day_key(day), str(tenant_id))
        pipeline.hget(_month_key(day), str(tenant_id))
        return pipeline.execute()

    counted = ask(read)
    if counted is None:
        return None
    of_day, of_month = counted
    if of_day is not None and of_month is not None:
        return Use(int(of_day), int(of_month))
    kept = _find_kept(tenant_id, day)
    return Use(kept.day if of_day is None else int(of_day), kept.month if of_month is None else int(of_month))


def _add(client: redis.Redis, tenant_id: UUID, day: date, use: Use) -> Use:
    """Returns the sums."""
    pipeline = client.pipeline(transaction=False)
    for key, items in ((_day_key(day), use.day), (_month_key(day), use.month)):
        pipeline.hincrby(key, str(tenant_id), items)
        pipeline.expire(key, _COUNTED_FOR)
    of_day, _, of_month, _ = pipeline.execute()
    return Use(of_day, of_month)


def _day_key(day: date) -> str:
    return f"nunchi:stored:{day}"


def _month_key(day: date) -> str:
    return f"nunchi:stored:{day:%Y-%m}"
