"""The rejected-events log in the admin, to read."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin

from events.models import RejectedItem
from tenants.admin_site import TenantModelAdmin


@admin.register(RejectedItem)
class RejectedItemAdmin(TenantModelAdmin):
    """What apps sent that could not be kept, and why."""

    read_only = True
    fields: ClassVar = ["at", "code", "message", "item"]
    list_display: ClassVar = ["at", "code", "message"]
    list_filter: ClassVar = ["code"]
    ordering: ClassVar = ["-at", "-id"]
