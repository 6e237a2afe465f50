"""A new tenant: the one moment at which its own row is written before anybody is in it."""

from __future__ import annotations

import uuid

from tenants.models import Member, Tenant, User
from tenants.scope import tenant_scope


def found_tenant(
    *, name: str, owner: User, time_zone: str = "UTC", locale: str = "en", is_test: bool = False
) -> Tenant:
    """Make a tenant with its owner; opens its own scope."""
    tenant_id = uuid.uuid4()
    with tenant_scope(tenant_id):
        tenant = Tenant.objects.create(id=tenant_id, name=name, time_zone=time_zone, locale=locale, is_test=is_test)
        Member.objects.create(tenant=tenant, user=owner, role=Member.Role.OWNER)
    return tenant
