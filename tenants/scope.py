"""The one way into a tenant's data: `tenant_scope()`.

Row-level security shows a transaction the rows of the tenant that its local setting names. There is no default
tenant: outside a scope the database shows nothing, and `TenantManager` raises instead of answering with nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar
from uuid import UUID

from django.db import connection, models, transaction

from tenants.statements import run

M = TypeVar("M", bound=models.Model)
SETTING = "nunchi.tenant_id"
_SHOW = f"SELECT set_config('{SETTING}', %(tenant)b::text, true)"
_current: ContextVar[UUID | None] = ContextVar("current_tenant", default=None)


class OutsideTenantScope(RuntimeError):
    """A tenant's table was queried outside tenant_scope()."""


@contextmanager
def tenant_scope(tenant_id: UUID) -> Iterator[None]:
    """Open a transaction that sees this tenant's rows alone.

    Nests, also with another tenant: the former tenant is restored on leaving.
    """
    former = _current.get()
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        _set(tenant_id)
        token = _current.set(tenant_id)
        try:
            yield
        finally:
            _current.reset(token)
        # The end of the transaction, or on an error the rollback to the savepoint, restores the setting by itself.
        if not outermost and not connection.needs_rollback:
            _set(former)


def current_tenant_id() -> UUID:
    """The tenant of the scope around us; raises OutsideTenantScope without one."""
    tenant_id = _current.get()
    if tenant_id is None:
        raise OutsideTenantScope("This needs a tenant: wrap it in tenant_scope(tenant_id).")
    return tenant_id


def _set(tenant_id: UUID | None) -> None:
    run(_SHOW, {"tenant": str(tenant_id or "")})


class TenantManager(models.Manager[M]):
    """The default manager of every tenant model: it adds the tenant's predicate, and refuses without a scope."""

    tenant_field = "tenant_id"

    def get_queryset(self) -> models.QuerySet[M]:
        return super().get_queryset().filter(**{self.tenant_field: current_tenant_id()})
