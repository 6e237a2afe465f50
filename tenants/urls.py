"""Addresses of the settings pages."""

from __future__ import annotations

from django.urls import path

from tenants import views

app_name = "tenants"
urlpatterns = [
    path("settings/", views.workspace, name="workspace"),
    path("settings/members/", views.members, name="members"),
    path("settings/members/add/", views.member_add, name="member_add"),
    path("settings/members/<uuid:member_id>/", views.member_change, name="member_change"),
    path("settings/members/<uuid:member_id>/remove/", views.member_remove, name="member_remove"),
    path("settings/keys/", views.keys, name="keys"),
    path("settings/keys/create/", views.key_create, name="key_create"),
    path("settings/keys/<uuid:key_id>/rotate/", views.key_rotate, name="key_rotate"),
    path("settings/keys/<uuid:key_id>/revoke/", views.key_revoke, name="key_revoke"),
    path("settings/audit/", views.audit_log, name="audit_log"),
    path("workspaces/<uuid:tenant_id>/switch/", views.switch_workspace, name="switch_workspace"),
]
