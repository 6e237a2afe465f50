"""API keys: making, finding, rotating, revoking."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from tenants.models import APIKey
from tenants.scope import current_tenant_id

PREFIXES = {APIKey.Kind.WRITE: "wk_", APIKey.Kind.SERVER: "sk_"}


@dataclass(frozen=True)
class Caller:
    """Who a valid key speaks for, and how many items a day and a month their apps may send (None: any number)."""

    tenant_id: UUID
    key_id: UUID
    kind: str
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
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tenant_id, key_id, kind, daily_quota, monthly_quota FROM api_key_lookup(%s)", [key_hash(text)]
        )
        row = cursor.fetchone()
    return Caller(*row) if row else None
