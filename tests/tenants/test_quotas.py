"""Quotas: what a tenant's apps may send a day and a month, and who says so."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from tenants.errors import APIError
from tenants.keys import Caller
from tenants.models import AuditEntry, DailyUse, Tenant
from tenants.quick_redis import client_of
from tenants.quotas import Use, check_quotas, count_stored, find_use, keep_counts
from tenants.tasks import keep_use
from tests.conftest import Company
from tests.events.senders import batch, events_of, send, track

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 12, 31, 23, 0, tzinfo=UTC)


def limit(company: Company, **quotas: int | None) -> None:
    with company.scope():
        Tenant.objects.update(**quotas)


def use(company: Company, now: datetime) -> Use:
    with company.scope():
        return find_use(now)


def caller(company: Company, **quotas: int) -> Caller:
    return Caller(company.tenant.pk, company.tenant.pk, "write", "", **quotas)


def count(company: Company, items: int, now: datetime = NOW) -> None:
    count_stored(tenant_id=company.tenant.pk, items=items, now=now)


def kept(company: Company) -> dict[date, int]:
    with company.scope():
        return dict(DailyUse.objects.values_list("day", "items"))


@pytest.mark.parametrize("field", ["daily_quota", "monthly_quota"])
def test_quota__that_a_batch_would_pass__refuses_it_whole(acme: Company, globex: Company, field: str) -> None:
    """Planted bug: checking whether a quota is used up, rather than passed, stored beyond it (seen to fail)."""
    limit(acme, **{field: 3})

    opened = [track(userId="anna", messageId=f"m{n}") for n in range(6)]

    answers = [
        batch(acme, *opened[:2]),
        batch(acme, *opened[2:4], {"type": "track"}),
        batch(acme, opened[4]),
        send("track", opened[5], auth=acme.write_auth, HTTP_ORIGIN="https://shop.example"),
    ]

    assert [answer.status_code for answer in answers] == [200, 429, 200, 429]
    refused = answers[-1]
    assert refused.json()["code"] == "quota_exceeded"
    assert "3 items a" in refused.json()["message"]
    assert int(refused["Retry-After"]) >= 1
    assert abs(int(refused["X-RateLimit-Reset"]) - (time.time() + int(refused["Retry-After"]))) <= 2
    assert refused["Access-Control-Allow-Origin"] == "https://shop.example"
    assert len(events_of(acme)) == 3
    assert batch(globex, track(userId="anna")).status_code == 200


def test_quota__of_a_tenant__leaves_decisions_alone(acme: Company) -> None:
    limit(acme, daily_quota=0)

    assert send("decide", {"userId": "anna"}, auth=acme.write_auth).status_code == 200


def test_use__of_a_tenant__counts_what_is_stored_once(acme: Company, globex: Company) -> None:
    first = [track(userId="anna", messageId="m1"), {"type": "track"}]

    for _ in range(2):
        batch(acme, *first)
    batch(acme, track(userId="anna", messageId="m2"))

    now = datetime.now(UTC)
    assert use(acme, now) == Use(2, 2)
    assert use(globex, now) == Use(0, 0)


@pytest.mark.parametrize(
    ("quotas", "seconds"), [({"daily_quota": 5}, 3_600), ({"monthly_quota": 5}, 3_600), ({"monthly_quota": 50}, None)]
)
def test_quota__used_up__says_when_its_day_or_month_ends(
    acme: Company, quotas: dict[str, int], seconds: int | None
) -> None:
    count(acme, 5)

    if seconds is None:
        check_quotas(caller(acme, **quotas), items=1, now=NOW)
        return
    with pytest.raises(APIError) as refusal:
        check_quotas(caller(acme, **quotas), items=1, now=NOW)

    assert refusal.value.headers["Retry-After"] == str(seconds)
    assert "2027-01-01" in refusal.value.message


def test_quota__of_a_new_day__begins_anew_and_that_of_the_month_does_not(acme: Company) -> None:
    count(acme, 5, NOW.replace(day=30))

    check_quotas(caller(acme, daily_quota=5, monthly_quota=6), items=1, now=NOW)
    with pytest.raises(APIError, match="month"):
        check_quotas(caller(acme, daily_quota=5, monthly_quota=6), items=2, now=NOW)


def test_counts__kept_every_minute__are_each_tenants_own(acme: Company, globex: Company) -> None:
    now = datetime.now(UTC)
    count(acme, 5, now)
    count(globex, 7, now)

    keep_use()
    count(acme, 1, now)
    keep_use()

    assert (kept(acme), kept(globex)) == ({now.date(): 6}, {now.date(): 7})


def test_counts__just_after_midnight__are_kept_for_the_day_before(acme: Company) -> None:
    count(acme, 5)

    keep_counts(NOW.replace(minute=59))
    count(acme, 2)
    keep_counts(datetime(2027, 1, 1, 0, 1, tzinfo=UTC))

    assert kept(acme) == {NOW.date(): 7}


def test_counts__in_a_redis_that_has_begun_anew__go_on_from_what_was_kept(
    acme: Company, redis_of_our_own: Any, settings: Any
) -> None:
    """Planted bug: without adding what was kept, a restart gave everybody a whole quota again (seen to fail)."""
    count(acme, 3, NOW.replace(day=30))
    keep_counts(NOW.replace(day=30))
    count(acme, 5)
    keep_counts(NOW)
    client_of(settings.REDIS_URL).flushall()

    at_first = use(acme, NOW)
    keep_counts(NOW)
    count(acme, 2)
    count(acme, 2)
    keep_counts(NOW)

    assert at_first == Use(5, 8)
    assert use(acme, NOW) == Use(9, 12)
    assert kept(acme) == {date(2026, 12, 30): 3, date(2026, 12, 31): 9}


def test_quota__with_redis_away__refuses_nothing_and_the_page_shows_what_was_kept(acme: Company, settings: Any) -> None:
    limit(acme, daily_quota=1)
    count(acme, 5, datetime.now(UTC))
    keep_use()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    answer = batch(acme, track(userId="anna"))

    assert answer.status_code == 200
    assert "5 of 1" in page(acme, "analyst")


def signed_in(company: Company, role: str, **rights: bool) -> Client:
    user = company.users[role]
    for name, value in rights.items():
        setattr(user, name, value)
    user.save()
    client = Client()
    client.force_login(user)
    return client


def page(company: Company, role: str) -> str:
    return signed_in(company, role).get("/settings/").content.decode()


def test_workspace_page__for_any_member__shows_use_and_quotas(acme: Company, globex: Company) -> None:
    limit(acme, daily_quota=1_000_000)
    count(acme, 12_345, datetime.now(UTC))
    count(globex, 777, datetime.now(UTC))

    shown = page(acme, "analyst")

    assert "12,345 of 1,000,000" in shown
    assert "777" not in shown


CHANGED = {
    "name": "Acme", "time_zone": "UTC", "locale": "en", "session_gap_minutes": "30", "daily_quota": "7",
    "monthly_quota": "70",
}  # fmt: skip


def quotas(company: Company) -> tuple[int | None, int | None]:
    with company.scope():
        return Tenant.objects.values_list("daily_quota", "monthly_quota").get()


def test_quotas__sent_by_an_owner__stay_as_the_installation_has_set_them(acme: Company) -> None:
    """Planted bug: quotas among the fields of the workspace's form let owners raise their own (seen to fail)."""
    limit(acme, daily_quota=1, monthly_quota=2)
    client = signed_in(acme, "owner", is_staff=True)

    answers = [
        client.post("/settings/", CHANGED),
        client.post(f"/admin/tenants/tenant/{acme.tenant.pk}/change/", CHANGED),
    ]

    assert [answer.status_code for answer in answers] == [302, 302]
    assert quotas(acme) == (1, 2)


def test_quotas__set_in_the_admin_by_a_superuser__hold_and_are_audited(acme: Company) -> None:
    client = signed_in(acme, "owner", is_staff=True, is_superuser=True)

    answer = client.post(f"/admin/tenants/tenant/{acme.tenant.pk}/change/", CHANGED)

    assert answer.status_code == 302
    assert quotas(acme) == (7, 70)
    with acme.scope():
        assert AuditEntry.objects.get().changes == {"daily_quota": ["None", "7"], "monthly_quota": ["None", "70"]}


def set_quotas(company: Company, *options: str) -> str:
    out = StringIO()
    call_command("set_quotas", f"--tenant={company.tenant.pk}", *options, stdout=out)
    return out.getvalue()


def test_set_quotas__for_a_tenant__changes_what_is_named_and_prints_what_holds(acme: Company, globex: Company) -> None:
    set_quotas(acme, "--daily=100", "--monthly=2000")
    printed = set_quotas(acme, "--daily=none")

    assert quotas(acme) == (None, 2_000)
    assert quotas(globex) == (None, None)
    assert printed.split() == ["daily_quota", "none", "monthly_quota", "2,000"]
    with acme.scope():
        assert list(AuditEntry.objects.order_by("id").values_list("action", "changes")) == [
            ("workspace.quotas_changed", {"daily_quota": [None, 100], "monthly_quota": [None, 2000]}),
            ("workspace.quotas_changed", {"daily_quota": [100, None]}),
        ]


@pytest.mark.parametrize(
    "options", [["--daily=many"], ["--daily=-1"], ["--tenant=00000000-0000-0000-0000-000000000000"]]
)
def test_set_quotas__what_cannot_be__is_refused_in_words(acme: Company, options: list[str]) -> None:
    with pytest.raises(CommandError):
        set_quotas(acme, *options)
    assert quotas(acme) == (None, None)
