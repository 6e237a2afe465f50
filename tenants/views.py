"""The settings pages: workspace, members, keys, audit log; and the switch between workspaces."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import F
from django.forms import model_to_dict
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenants.access import SESSION_KEY, requires
from tenants.audit import by, difference, record
from tenants.forms import KeyForm, MemberForm, RoleForm, RotateForm, WorkspaceForm
from tenants.identity import signing_secret
from tenants.invitations import may_show_link, password_link, send_invitation
from tenants.keys import create_key, revoke_key, rotate_key
from tenants.members import add_member, change_role, remove_member
from tenants.models import APIKey, AuditEntry, Member, Tenant
from tenants.quotas import find_use

ENTRIES_A_PAGE = 50
_get_or_post = require_http_methods(["GET", "HEAD", "POST"])


@require_POST
@requires()
def switch_workspace(request: HttpRequest, tenant_id: UUID) -> HttpResponse:
    if tenant_id not in request.tenant_ids:  # type: ignore[attr-defined]
        raise Http404
    request.session[SESSION_KEY] = str(tenant_id)
    return redirect("/")


@_get_or_post
@requires()
def workspace(request: HttpRequest) -> HttpResponse:
    access = request.access  # type: ignore[attr-defined]
    may_change = access.may()
    before = model_to_dict(access.tenant)
    form = WorkspaceForm(request.POST or None, instance=Tenant.objects.get())
    if request.method == "POST":
        if not may_change:
            raise PermissionDenied(_("Owners alone may change the workspace."))
        if form.is_valid():
            changes = difference(before=before, after=model_to_dict(form.save()))
            if changes:
                record(**by(request), action="workspace.changed", obj=form.instance, changes=changes)
            messages.success(request, _("The workspace is saved."))
            return redirect("tenants:workspace")
    if not may_change:
        for field in form.fields.values():
            field.disabled = True
    use = find_use(datetime.now(UTC))
    return _render(request, "workspace", {"form": form, "may_change": may_change, "use": use})


@require_safe
@requires()
def members(request: HttpRequest) -> HttpResponse:
    rows = Member.objects.select_related("user").order_by("created_at", "id")
    return _render(request, "members", {"members": rows})


@_get_or_post
@requires(Member.Role.OWNER)
def member_add(request: HttpRequest) -> HttpResponse:
    form = MemberForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            added = add_member(email=form.cleaned_data["email"], role=form.cleaned_data["role"])
        except ValidationError as error:
            form.add_error("email", error)
        else:
            member = added.member
            record(**by(request), action="member.added", obj=member, changes={"role": [None, member.role]})
            workspace_name = request.access.tenant.name  # type: ignore[attr-defined]
            transaction.on_commit(
                partial(send_invitation, member=member, workspace=workspace_name, is_new_user=added.is_new_user)
            )
            if added.is_new_user and may_show_link():
                return _render_secret(request, "member_added", {"member": member, "link": password_link(member.user)})
            messages.success(request, _("%(email)s is a member now and gets a mail.") % {"email": member.user.email})
            return redirect("tenants:members")
    return _render(request, "member_add", {"form": form})


@_get_or_post
@requires(Member.Role.OWNER)
def member_change(request: HttpRequest, member_id: UUID) -> HttpResponse:
    member = get_object_or_404(Member.objects.select_related("user"), pk=member_id)
    form = RoleForm(request.POST or None, initial={"role": member.role})
    if request.method == "POST" and form.is_valid():
        old, new = member.role, form.cleaned_data["role"]
        try:
            change_role(member=member, role=new)
        except ValidationError as error:
            form.add_error("role", error)
        else:
            if old != new:
                record(**by(request), action="member.role_changed", obj=member, changes={"role": [old, new]})
            messages.success(request, _("%(email)s has a new role.") % {"email": member.user.email})
            return redirect("tenants:members")
    return _render(request, "member_change", {"member": member, "form": form})


@_get_or_post
@requires(Member.Role.OWNER)
def member_remove(request: HttpRequest, member_id: UUID) -> HttpResponse:
    member = get_object_or_404(Member.objects.select_related("user"), pk=member_id)
    problem = None
    if request.method == "POST":
        try:
            remove_member(member=member)
        except ValidationError as error:
            problem = " ".join(error.messages)
        else:
            member.pk = member_id  # a deleted object has lost its key
            record(**by(request), action="member.removed", obj=member, changes={"role": [member.role, None]})
            messages.success(request, _("%(email)s is no longer a member.") % {"email": member.user.email})
            return redirect("tenants:members")
    return _render(request, "member_remove", {"member": member, "problem": problem})


@never_cache
@require_safe
@requires(Member.Role.DEVELOPER)
def keys(request: HttpRequest) -> HttpResponse:
    rows = APIKey.objects.order_by(F("revoked_at").asc(nulls_first=True), "created_at", "id")
    secret = signing_secret(tenant_id=request.access.tenant.pk)  # type: ignore[attr-defined]
    return _render(request, "keys", {"keys": rows, "now": timezone.now(), "signing_secret": secret})


@never_cache
@_get_or_post
@requires(Member.Role.DEVELOPER)
def key_create(request: HttpRequest) -> HttpResponse:
    form = KeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        key, text = create_key(name=form.cleaned_data["name"], kind=form.cleaned_data["kind"])
        record(**by(request), action="api_key.created", obj=key, changes={"kind": [None, key.kind]})
        return _render_secret(request, "key_created", {"key": key, "text": text})
    return _render(request, "key_create", {"form": form})


@never_cache
@_get_or_post
@requires(Member.Role.DEVELOPER)
def key_rotate(request: HttpRequest, key_id: UUID) -> HttpResponse:
    key = get_object_or_404(APIKey.objects.filter(revoked_at=None), pk=key_id)
    form = RotateForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        overlap = timedelta(hours=form.cleaned_data["overlap_hours"])
        successor, text = rotate_key(key=key, now=timezone.now(), overlap=overlap)
        changes = {"successor": [None, successor.prefix], "expires_at": [None, str(key.expires_at)]}
        record(**by(request), action="api_key.rotated", obj=key, changes=changes)
        return _render_secret(request, "key_created", {"key": successor, "text": text, "former": key})
    return _render(request, "key_rotate", {"key": key, "form": form})


@_get_or_post
@requires(Member.Role.DEVELOPER)
def key_revoke(request: HttpRequest, key_id: UUID) -> HttpResponse:
    key = get_object_or_404(APIKey.objects.filter(revoked_at=None), pk=key_id)
    if request.method == "POST":
        revoke_key(key=key, now=timezone.now())
        record(**by(request), action="api_key.revoked", obj=key)
        messages.success(request, _("The key “%(name)s” is revoked.") % {"name": key.name})
        return redirect("tenants:keys")
    return _render(request, "key_revoke", {"key": key})


@require_safe
@requires(Member.Role.OWNER)
def audit_log(request: HttpRequest) -> HttpResponse:
    page = Paginator(AuditEntry.objects.order_by("-at", "-id"), ENTRIES_A_PAGE).get_page(request.GET.get("page"))
    return _render(request, "audit_log", {"page": page})


def _render(request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    return render(request, f"tenants/{name}.html", context)


def _render_secret(request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    """A page that shows something once: it is kept nowhere, in no cache either."""
    response = _render(request, name, context)
    response["Cache-Control"] = "no-store"
    return response
