"""API keys: making, finding, rotating, revoking."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from tenants.kept import Kept
from tenants.models import APIKey, Tenant
from tenants.scope import current_tenant_id, tenant_scope
from tenants.statements import run

_tenants: Kept[Tenant] = Kept()
PREFIXES = {APIKey.Kind.WRITE: "wk_", APIKey.Kind.SERVER: "sk_"}


@dataclass(frozen=True)
class Caller:
    """Who a valid key speaks for, and how many items a day and a month their apps may send (None: any number).

    The version is that of the tenant's row at the look-up.
    """

    tenant_id: UUID
    key_id: UUID
    kind: str
    tenant_version: str
    daily_quota: int | None = None
    monthly_quota: int | None = None

    @property
    def is_server(self) -> bool:
        return self.kind == APIKey.Kind.SERVER


def create_key(*, name: str, kind: str) -> tuple[APIKey, str]:
    """Make a key in the scope's tenant; returns it with its text, which for a server key is shown just this once."""
    text = PREFIXES[APIKey.Kind(kind)] + secrets.token_urlsafe(24)
    key = APIKey.objects.create(
        tenant_id=current_tenant_id(),
        name=name,
        kind=kind,
        prefix=text[:8],
        key=text if kind == APIKey.Kind.WRITE else "",
        key_hash=key_hash(text),
    )
    return key, text


def rotate_key(*, key: APIKey, now: datetime, overlap: timedelta) -> tuple[APIKey, str]:
    """Make a successor; the old key goes on for `overlap`, so that apps can change over."""
    successor, text = create_key(name=key.name, kind=key.kind)
    key.expires_at = min(filter(None, [key.expires_at, now + overlap]))
    key.save(update_fields=["expires_at"])
    return successor, text


def revoke_key(*, key: APIKey, now: datetime) -> None:
    """End a key at once; a revoked key stays revoked."""
    APIKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now)


def key_hash(text: str) -> bytes:
    """SHA-256 is enough: keys are 192 random bits, not passwords."""
    return hashlib.sha256(text.encode()).digest()


def find_caller(text: str) -> Caller | None:
    """The caller of a live key, through the look-up function (there is no tenant yet, so no scope)."""
    rows = run(
        "SELECT tenant_id, key_id, kind, tenant_version, daily_quota, monthly_quota FROM api_key_lookup(%(hash)b)",
        {"hash": key_hash(text)},
    )
    return Caller(*rows[0]) if rows else None


def load_tenant(caller: Caller) -> Tenant:
    """The caller's tenant, kept in the process while its row is the same: not to be changed."""

    def read() -> Tenant:
        with tenant_scope(caller.tenant_id):
            return Tenant.objects.get()

    return _tenants.get(tenant_id=caller.tenant_id, version=caller.tenant_version, load=read)
