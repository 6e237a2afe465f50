"""Signed user ids: how an app's server vouches for who its user is."""

from __future__ import annotations

import hashlib
import hmac
from uuid import UUID

from django.conf import settings


def signing_secret(*, tenant_id: UUID) -> str:
    """The tenant's secret, for its server alone; derived, so that nothing is stored (a new SECRET_KEY changes it)."""
    return hmac.new(settings.SECRET_KEY.encode(), f"signed-ids:{tenant_id}".encode(), hashlib.sha256).hexdigest()


def sign_user_id(*, tenant_id: UUID, user_id: str) -> str:
    """Hex HMAC-SHA256 of the user id, keyed with the text of the tenant's secret."""
    secret = signing_secret(tenant_id=tenant_id)
    return hmac.new(secret.encode(), user_id.encode(), hashlib.sha256).hexdigest()


def is_signature_valid(*, tenant_id: UUID, user_id: str, signature: str) -> bool:
    expected = sign_user_id(tenant_id=tenant_id, user_id=user_id)
    return hmac.compare_digest(expected.encode(), signature.lower().encode())
