"""Which tenant a signed-in user works in, and what their role lets them do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any
from uuid import UUID

import structlog
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from tenants.models import Member, Tenant
from tenants.scope import tenant_scope

SESSION_KEY = "tenant_id"
# Pages that belong to no tenant: their requests run without a scope.
UNSCOPED = ("/accounts/", "/v1/", "/api/", "/static/", "/sdk/", "/demo/", "/healthz", "/readyz", "/metrics", "/jsi18n/")


@dataclass(frozen=True)
class Access:
    """A user's place in the tenant of the request."""

    tenant: Tenant
    role: str

    def may(self, *roles: str) -> bool:
        """Whether the role is one of these; owners always."""
        return self.role == Member.Role.OWNER or self.role in roles


def tenant_ids_of(user_id: UUID) -> list[UUID]:
    """The tenants a user is a member of, oldest membership first (a look-up: there is no scope yet)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id FROM user_tenants(%s) AS tenant_id", [user_id])
        return [row[0] for row in cursor.fetchall()]


class TenantMiddleware:
    """Run every page of a signed-in user in their tenant's scope, rendering included; roll back on a failure."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.access = None  # type: ignore[attr-defined]
        if request.path.startswith(UNSCOPED) or not request.user.is_authenticated:
            return self.get_response(request)
        tenant_ids = tenant_ids_of(request.user.pk)
        if not tenant_ids:
            return self.get_response(request)
        chosen = request.session.get(SESSION_KEY)
        tenant_id = next((candidate for candidate in tenant_ids if str(candidate) == chosen), tenant_ids[0])
        with tenant_scope(tenant_id):
            tenant = Tenant.objects.get()
            role = Member.objects.get(user=request.user).role
            request.access = Access(tenant=tenant, role=role)  # type: ignore[attr-defined]
            request.tenant_ids = tenant_ids  # type: ignore[attr-defined]
            structlog.contextvars.bind_contextvars(tenant_id=str(tenant_id), user_id=str(request.user.pk))
            with timezone.override(tenant.time_zone):
                response = self.get_response(request)
            if response.status_code >= 500:
                transaction.set_rollback(True)
        return response


def requires(*roles: str) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """Let a view through for members with one of the roles (owners always; no roles: any member)."""

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            access: Access | None = request.access  # type: ignore[attr-defined]
            if access is None:
                raise PermissionDenied(_("You are not a member of any workspace yet. Ask an owner to add you."))
            if roles and not access.may(*roles):
                raise PermissionDenied(_("Your role may look at this page but not change it. Ask an owner."))
            return view(request, *args, **kwargs)

        guarded.required_roles = roles  # type: ignore[attr-defined]
        return guarded

    return decorate


def workspaces_of(request: HttpRequest) -> list[Tenant]:
    """The tenants that the user may switch to, each read in its own scope; empty with just one."""
    tenant_ids = getattr(request, "tenant_ids", [])
    workspaces = []
    for tenant_id in tenant_ids if len(tenant_ids) > 1 else []:
        with tenant_scope(tenant_id):
            workspaces.append(Tenant.objects.get())
    return sorted(workspaces, key=lambda tenant: tenant.name.casefold())


def tenant_context(request: HttpRequest) -> dict[str, Any]:
    """Template context: the tenant and role of the request; `workspaces` asks the database when a page shows them."""
    access = getattr(request, "access", None)
    return {
        "access": access,
        "tenant": access.tenant if access else None,
        "workspaces": partial(workspaces_of, request),
    }
