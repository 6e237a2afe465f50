"""The admin in a tenant's scope: who may enter, and the base that every admin of a tenant model stands on."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import models
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin
from unfold.sites import UnfoldAdminSite

from tenants.access import Access
from tenants.audit import by, difference, record
from tenants.forms import TenantModelForm


def access_of(request: HttpRequest) -> Access | None:
    return getattr(request, "access", None)


class NunchiAdminSite(UnfoldAdminSite):
    """For staff who are members of a tenant: TenantMiddleware gives the scope, rendering included."""

    def has_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_staff and access_of(request))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """One sign-in for everything: the admin's own form would go around the second factor."""
        if request.user.is_authenticated:
            raise PermissionDenied(_("The admin is for staff who are members of a workspace."))
        return redirect_to_login(request.GET.get("next") or reverse("admin:index"))

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return redirect("account_logout")

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return redirect("account_change_password")


class TenantPermissions:
    """What the member's role in this tenant allows; Django's own permissions know no tenant and are not asked."""

    editors: ClassVar[tuple[str, ...]] = ()  # roles that may change, besides owners
    read_only: ClassVar[bool] = False

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return access_of(request) is not None

    def has_module_permission(self, request: HttpRequest) -> bool:
        return access_of(request) is not None

    def has_add_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        access = access_of(request)
        return not self.read_only and access is not None and access.may(*self.editors)

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return self.has_add_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return self.has_add_permission(request)


class TenantModelAdmin(TenantPermissions, ModelAdmin):
    """The admin of a tenant model: the scope's rows alone, new rows in the scope's tenant, changes audited.

    The framework's own admin log knows no tenant; the audit log takes its place.
    """

    form = TenantModelForm

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> None:
        if not change:
            obj.tenant_id = request.access.tenant.pk  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        record(**by(request), action=self._action("created"), obj=obj)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        record(**by(request), action=self._action("changed"), obj=obj, changes=getattr(request, "changes", {}))

    def log_deletions(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> None:
        for obj in queryset:
            record(**by(request), action=self._action("deleted"), obj=obj)

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        request.changes = difference(  # type: ignore[attr-defined]
            before={name: str(form.initial.get(name)) for name in form.changed_data},
            after={name: str(form.cleaned_data.get(name)) for name in form.changed_data},
        )
        return super().construct_change_message(request, form, formsets, add)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """An object's history is its part of the audit log."""
        if self.get_object(request, object_id) is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        return redirect(reverse("admin:tenants_auditentry_changelist") + f"?object_id__exact={object_id}")

    def _action(self, verb: str) -> str:
        return f"{self.opts.model_name}.{verb}"
