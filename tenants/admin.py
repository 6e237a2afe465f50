"""The admin's pages of tenants, their members, keys and audit log."""

from __future__ import annotations

from typing import Any, ClassVar

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from tenants.admin_site import TenantModelAdmin
from tenants.forms import WorkspaceForm
from tenants.models import APIKey, AuditEntry, Member, Tenant, User

# Permissions come from the role in the tenant; addresses and second factors are their users' own.
for model in (Group, EmailAddress, Authenticator):
    admin.site.unregister(model)


@admin.register(Tenant)
class TenantAdmin(TenantModelAdmin):
    """The tenant of the scope alone; tenants are made by `manage.py create_tenant`.

    Quotas are the installation's to set: by its superusers here, or by `manage.py set_quotas`.
    """

    form = WorkspaceForm  # type: ignore[assignment]
    fields: ClassVar = [*WorkspaceForm.Meta.fields, "daily_quota", "monthly_quota"]
    list_display: ClassVar = ["name", "time_zone", "locale", "created_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [] if request.user.is_superuser else ["daily_quota", "monthly_quota"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_add_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Member)
class MemberAdmin(TenantModelAdmin):
    """Members are added, changed and removed on the settings page, which keeps an owner."""

    read_only = True
    fields: ClassVar = ["user", "role", "created_at"]
    list_display: ClassVar = ["user", "role", "created_at"]
    list_filter: ClassVar = ["role"]
    list_select_related: ClassVar = ["user"]
    search_fields: ClassVar = ["user__email"]
    ordering: ClassVar = ["created_at", "id"]


@admin.register(APIKey)
class APIKeyAdmin(TenantModelAdmin):
    read_only = True
    list_display: ClassVar = ["name", "kind", "prefix", "last_used_at", "expires_at", "revoked_at"]
    list_filter: ClassVar = ["kind"]
    search_fields: ClassVar = ["name", "prefix"]
    fields: ClassVar = ["name", "kind", "prefix", "created_at", "last_used_at", "expires_at", "revoked_at"]


@admin.register(AuditEntry)
class AuditEntryAdmin(TenantModelAdmin):
    read_only = True
    list_display: ClassVar = ["at", "actor", "action", "object_type", "object_name", "address"]
    list_filter: ClassVar = ["action", "object_id"]
    search_fields: ClassVar = ["actor", "action", "object_name"]
    fields: ClassVar = ["at", "actor", "action", "object_type", "object_id", "object_name", "changes", "address"]
    ordering: ClassVar = ["-at", "-id"]


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    """Users belong to no tenant: they are the installation's, for superusers alone."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    ordering: ClassVar = ["email"]
    list_display = ["email", "is_staff", "is_superuser", "is_active", "last_login"]
    list_filter: ClassVar = ["is_staff", "is_superuser", "is_active"]
    search_fields: ClassVar = ["email"]
    filter_horizontal: ClassVar = []
    fieldsets: ClassVar = [
        (None, {"fields": ["email", "password"]}),
        (_("Name"), {"fields": ["first_name", "last_name"]}),
        (_("Access"), {"fields": ["is_active", "is_staff", "is_superuser"]}),
        (_("Dates"), {"fields": ["last_login", "date_joined"]}),
    ]
    add_fieldsets = [(None, {"fields": ["email", "password1", "password2"]})]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser

    has_module_permission = has_add_permission = has_view_permission
    has_change_permission = has_delete_permission = has_view_permission
