"""The admin: who may enter, and what a role may do there (isolation of every page: tests/isolation)."""

from __future__ import annotations

import pytest
from django.test import Client

from tenants.models import AuditEntry, Member, Tenant, User
from tests.conftest import Company

pytestmark = pytest.mark.django_db


def staff(company: Company, role: str, *, superuser: bool = False) -> Client:
    user = company.users[role]
    user.is_staff, user.is_superuser = True, superuser
    user.save()
    client = Client()
    client.force_login(user)
    return client


def test_admin__nobody_signed_in__leads_to_the_one_sign_in(db: None) -> None:
    first = Client().get("/admin/")
    second = Client().get(first.headers["Location"])

    assert second.headers["Location"] == "/accounts/login/?next=/admin/"


def test_admin__a_member_who_is_no_staff__is_refused(acme: Company) -> None:
    client = Client()
    client.force_login(acme.users["owner"])

    assert client.get("/admin/", follow=True).status_code == 403


def test_admin__a_superuser_without_workspace__is_refused(db: None) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root@example.org", "correct horse battery"))

    assert client.get("/admin/", follow=True).status_code == 403


@pytest.mark.parametrize(
    "page", ["", "tenants/tenant/", "tenants/member/", "tenants/apikey/", "tenants/auditentry/", "search/?s=Globex"]
)
def test_admin__any_staff__reads_its_own_tenant(acme: Company, globex: Company, page: str) -> None:
    response = staff(acme, "analyst").get(f"/admin/{page}")

    assert response.status_code == 200
    assert "globex" not in response.content.decode().replace("Globex", "", 1).lower() or "search" in page


def test_admin_tenant__changed_by_an_owner__is_in_the_audit_log_and_its_history(acme: Company) -> None:
    client = staff(acme, "owner")
    address = f"/admin/tenants/tenant/{acme.tenant.pk}"

    response = client.post(
        f"{address}/change/",
        {"name": "Acme 2", "time_zone": "UTC", "locale": "en", "session_gap_minutes": "30"},
    )

    assert response.status_code == 302, response.context["errors"]
    with acme.scope():
        entry = AuditEntry.objects.get()
        assert Tenant.objects.get().name == "Acme 2"
    assert (entry.action, entry.actor) == ("tenant.changed", "owner@acme.example")
    assert entry.changes == {"name": ["Acme", "Acme 2"]}
    history = client.get(f"{address}/history/", follow=True)
    assert history.status_code == 200
    assert "tenant.changed" in history.content.decode()


def test_admin_tenant__changed_by_an_analyst_who_is_superuser__is_refused(acme: Company) -> None:
    client = staff(acme, "analyst", superuser=True)

    response = client.post(f"/admin/tenants/tenant/{acme.tenant.pk}/change/", {"name": "Taken over"})

    assert response.status_code == 403


@pytest.mark.parametrize("model", ["apikey", "auditentry", "member"])
def test_admin__read_only_models__can_be_neither_added_nor_deleted(acme: Company, model: str) -> None:
    client = staff(acme, "owner", superuser=True)
    with acme.scope():
        member = Member.objects.first()
    assert member

    assert client.get(f"/admin/tenants/{model}/add/").status_code == 403
    assert client.post(f"/admin/tenants/member/{member.pk}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.parametrize(("superuser", "status"), [(False, 403), (True, 200)])
def test_admin_users__by_staff__are_for_superusers(acme: Company, superuser: bool, status: int) -> None:
    client = staff(acme, "owner", superuser=superuser)

    assert client.get("/admin/tenants/user/").status_code == status


def test_admin__autocomplete_of_users__is_refused_to_staff(acme: Company, globex: Company) -> None:
    response = staff(acme, "owner").get(
        "/admin/autocomplete/", {"app_label": "tenants", "model_name": "member", "field_name": "user", "term": "globex"}
    )

    assert response.status_code == 403
