"""Settings: who may do what, and what is written down about it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tenants.keys import find_caller
from tenants.models import APIKey, AuditEntry, Member, Tenant, User
from tests.conftest import Company

pytestmark = pytest.mark.django_db
WORKSPACE = {
    "name": "Acme",
    "time_zone": "Asia/Seoul",
    "locale": "ko",
    "session_gap_minutes": "20",
    "allowed_origins": "https://Shop.example/\n\nhttps://shop.example\nhttp://localhost:3000",
    "public_traits": "first_name\ncity",
}


@pytest.fixture
def owner(acme: Company) -> Client:
    return signed_in(acme, "owner")


def signed_in(company: Company, role: str) -> Client:
    client = Client()
    client.force_login(company.users[role])
    return client


def audited(company: Company) -> list[str]:
    with company.scope():
        return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


def member_of(company: Company, role: str) -> Member:
    with company.scope():
        return Member.objects.get(user=company.users[role])


def test_workspace__saved__normalises_lists_and_is_audited(acme: Company, owner: Client) -> None:
    response = owner.post("/settings/", WORKSPACE)

    assert response.status_code == 302
    with acme.scope():
        tenant, entry = Tenant.objects.get(), AuditEntry.objects.get()
    assert tenant.allowed_origins == ["https://shop.example", "http://localhost:3000"]
    assert tenant.public_traits == ["first_name", "city"]
    assert entry.actor == "owner@acme.example"
    assert entry.address == "127.0.0.1"
    assert entry.changes["time_zone"] == ["UTC", "Asia/Seoul"]
    assert "retention_days" not in entry.changes


@pytest.mark.parametrize(
    ("field", "value"),
    [("allowed_origins", "https://shop.example/path"), ("time_zone", "Mars/Olympus"), ("session_gap_minutes", "0")],
)
def test_workspace__a_bad_value__is_refused_with_its_input_kept(
    acme: Company, owner: Client, field: str, value: str
) -> None:
    response = owner.post("/settings/", WORKSPACE | {field: value})

    assert response.status_code == 200
    assert response.context["form"].errors.keys() == {field}
    assert audited(acme) == []


@pytest.mark.parametrize("role", ["marketer", "analyst", "developer"])
def test_workspace__others_than_owners__may_look_but_not_change(acme: Company, role: str) -> None:
    client = signed_in(acme, role)

    assert client.get("/settings/").status_code == 200
    assert client.post("/settings/", WORKSPACE).status_code == 403
    assert audited(acme) == []


@pytest.mark.parametrize("role", ["marketer", "analyst", "developer"])
@pytest.mark.parametrize("path", ["members/add/", "audit/"])
def test_owner_pages__others_than_owners__are_refused(acme: Company, role: str, path: str) -> None:
    assert signed_in(acme, role).get(f"/settings/{path}").status_code == 403


@pytest.mark.parametrize(("role", "status"), [("marketer", 403), ("analyst", 403), ("developer", 200)])
def test_key_pages__by_role__are_for_developers(acme: Company, role: str, status: int) -> None:
    assert signed_in(acme, role).get("/settings/keys/").status_code == status


def test_pages__nobody_signed_in__lead_to_the_sign_in(db: None) -> None:
    response = Client().get("/settings/members/?page=2")

    assert response.headers["Location"] == "/accounts/login/?next=/settings/members/%3Fpage%3D2"


def test_pages__a_user_without_workspace__are_told_so(db: None) -> None:
    client = Client()
    client.force_login(User.objects.create_user("nobody@example.org"))

    response = client.get("/")

    assert response.status_code == 403
    assert "not a member of any workspace" in response.content.decode()


def test_member_add__a_new_address__makes_a_user_who_sets_a_password(
    acme: Company, owner: Client, django_capture_on_commit_callbacks: object
) -> None:
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        owner.post("/settings/members/add/", {"email": "New@Acme.example", "role": "analyst"})

    with acme.scope():
        member = Member.objects.get(user__email="new@acme.example")
    assert member.role == "analyst"
    link = re.search(r"http\S+", mail.outbox[0].body)
    assert link
    visitor = Client()
    page = visitor.get(link[0].removeprefix("http://127.0.0.1:8000"), follow=True)
    password = {"password1": "an entirely new one", "password2": "an entirely new one"}
    visitor.post(page.request["PATH_INFO"], password)
    member.user.refresh_from_db()
    assert member.user.check_password("an entirely new one")
    assert audited(acme) == ["member.added"]


def test_member_add__without_mail__shows_the_link_once(acme: Company, owner: Client, settings: object) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"  # type: ignore[attr-defined]

    response = owner.post("/settings/members/add/", {"email": "new@acme.example", "role": "analyst"})

    assert "/accounts/password/reset/key/" in response.content.decode()
    assert response.headers["Cache-Control"] == "no-store"


def test_member_add__a_user_of_another_tenant__never_gets_or_shows_a_password_link(
    acme: Company, globex: Company, owner: Client, django_capture_on_commit_callbacks: object
) -> None:
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        response = owner.post("/settings/members/add/", {"email": "owner@globex.example", "role": "analyst"})

    assert response.status_code == 302
    assert "password" not in mail.outbox[0].body


def test_member_add__a_member__is_refused(acme: Company, owner: Client) -> None:
    response = owner.post("/settings/members/add/", {"email": "ANALYST@acme.example", "role": "owner"})

    assert "is a member already" in response.content.decode()
    assert audited(acme) == []


def test_member__the_last_owner__can_be_neither_removed_nor_demoted(acme: Company, owner: Client) -> None:
    member = member_of(acme, "owner")

    for path, data in (("", {"role": "analyst"}), ("remove/", {})):
        response = owner.post(f"/settings/members/{member.pk}/{path}", data)
        assert "needs an owner" in response.content.decode()

    assert member_of(acme, "owner").role == "owner"
    assert audited(acme) == []


def test_member__one_of_two_owners__can_be_removed(acme: Company, owner: Client) -> None:
    second = member_of(acme, "analyst")

    owner.post(f"/settings/members/{second.pk}/", {"role": "owner"})
    owner.post(f"/settings/members/{member_of(acme, 'owner').pk}/remove/")

    assert owner.get("/").status_code == 403
    assert audited(acme) == ["member.role_changed", "member.removed"]


def test_key_create__a_server_key__is_shown_once_and_works(acme: Company, owner: Client) -> None:
    response = owner.post("/settings/keys/create/", {"name": "Orders", "kind": "server"})

    text = re.search(r"sk_[\w-]{32}", response.content.decode())
    assert text
    assert "no-store" in response.headers["Cache-Control"]
    caller = find_caller(text[0])
    assert caller
    assert caller.tenant_id == acme.tenant.pk
    assert text[0] not in owner.get("/settings/keys/").content.decode()
    assert text[0] not in repr(rows_with_texts(acme))


def rows_with_texts(company: Company) -> list[object]:
    with company.scope():
        return [*APIKey.objects.values_list(), *AuditEntry.objects.values_list()]


def test_key_rotate__with_overlap__both_work_until_the_old_one_ends(acme: Company, owner: Client) -> None:
    with acme.scope():
        old = APIKey.objects.get(kind="server")

    response = owner.post(f"/settings/keys/{old.pk}/rotate/", {"overlap_hours": "24"})

    text = re.search(r"sk_[\w-]{32}", response.content.decode())
    assert text
    assert find_caller(text[0])
    assert find_caller(acme.server_key)
    with acme.scope():
        old.refresh_from_db()
        assert old.expires_at
        assert timedelta(hours=23) < old.expires_at - timezone.now() <= timedelta(hours=24)
        APIKey.objects.filter(pk=old.pk).update(expires_at=timezone.now() - timedelta(days=1))
    assert find_caller(acme.server_key) is None


def test_key_revoke__at_once__refuses_it_and_notes_no_secret(acme: Company, owner: Client) -> None:
    with acme.scope():
        key = APIKey.objects.get(kind="write")

    owner.post(f"/settings/keys/{key.pk}/revoke/")

    assert find_caller(acme.write_key) is None
    assert owner.post(f"/settings/keys/{key.pk}/revoke/").status_code == 404
    assert audited(acme) == ["api_key.revoked"]


def test_find_caller__used__notes_when(acme: Company) -> None:
    assert find_caller(acme.write_key)

    with acme.scope():
        assert APIKey.objects.get(kind="write").last_used_at


def test_switch__to_another_own_workspace__shows_that_one(acme: Company, globex: Company, owner: Client) -> None:
    with globex.scope():
        Member.objects.create(tenant=globex.tenant, user=acme.users["owner"], role="analyst")
    page = owner.get("/").content.decode()

    owner.post(reverse("tenants:switch_workspace", args=[globex.tenant.pk]))

    assert "Globex" in page
    assert owner.get("/").context["tenant"] == globex.tenant
    assert owner.get("/settings/members/add/").status_code == 403, "an analyst there"


def test_switch__to_a_foreign_workspace__is_not_found(acme: Company, globex: Company, owner: Client) -> None:
    assert owner.post(reverse("tenants:switch_workspace", args=[globex.tenant.pk])).status_code == 404


@pytest.mark.parametrize("role", ["owner", "developer"])
def test_pages__every_one__renders_with_a_strict_policy_and_nothing_inline(acme: Company, role: str) -> None:
    client = signed_in(acme, role)

    for name in ("", "settings/", "settings/members/", "settings/keys/", "settings/keys/create/"):
        response = client.get(f"/{name}")
        page = response.content.decode()
        assert response.headers["Content-Security-Policy"].startswith("default-src 'self'; ")
        assert "unsafe" not in response.headers["Content-Security-Policy"]
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\bsrc=)|javascript:", page), name
        assert page.count("<h1") == 1
        assert not re.search(r"""(src|href)=["'](https?:)?//""", page), "everything is served locally"
