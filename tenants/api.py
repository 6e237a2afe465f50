"""What every API view shares: the key, the tenant's scope around the handler, the error shape."""

from __future__ import annotations

import base64
import binascii
from contextlib import ExitStack
from typing import Any

import structlog
from django.db import transaction
from django.http import HttpRequest
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import authentication, exceptions, permissions
from rest_framework.request import Request
from rest_framework.views import APIView

from tenants.errors import APIError
from tenants.keys import Caller, find_caller
from tenants.rate_limits import admit, check_guesses, note_key
from tenants.scope import tenant_scope


def key_from_header(request: HttpRequest | Request) -> str | None:
    """The key of `Authorization: Basic key:` or `Bearer key`; None without the header."""
    scheme, _, value = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value.strip(), validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return None


def look_up_key(text: str | None, *, request: HttpRequest | Request) -> Caller | None:
    """The caller of a key, if there is one; raises APIError 429 for an address that has tried too many."""
    if not text or "\x00" in text:
        return None
    check_guesses(key=text, request=request)
    caller = find_caller(text)
    note_key(key=text, request=request, is_known=caller is not None)
    return caller


def authenticate_key(text: str | None, *, request: HttpRequest | Request) -> Caller:
    """The caller of a key; raises APIError 401 or 429 in the one shape."""
    caller = look_up_key(text, request=request)
    if caller is None:
        message = "Unknown, expired or revoked key." if text else "A key is needed: Authorization: Basic base64(key:)."
        raise APIError(status_code=401, code="unknown_key", message=message)
    structlog.contextvars.bind_contextvars(tenant_id=str(caller.tenant_id))
    return caller


class KeyAuthentication(authentication.BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[None, Caller] | None:
        text = key_from_header(request)
        if text is None:
            return None
        caller = authenticate_key(text, request=request)
        admit(caller, request=request)
        return None, caller

    def authenticate_header(self, request: Request) -> str:
        return 'Basic realm="Nunchi"'


class KeyAuthenticationScheme(OpenApiAuthenticationExtension):
    target_class = KeyAuthentication
    name = "key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "http", "scheme": "basic", "description": "The key as user name, an empty password."}


class IsServerKey(permissions.BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        if request.auth is None:
            raise exceptions.NotAuthenticated("A server key is needed: Authorization: Basic base64(key:).")
        if not isinstance(request.auth, Caller) or not request.auth.is_server:
            raise APIError(
                status_code=403, code="server_key_needed", message="A write key is public and may not do this."
            )
        return True


class TenantAPIView(APIView):
    """A view for server keys whose handler runs inside its tenant's scope; an error rolls everything back."""

    authentication_classes = [KeyAuthentication]
    permission_classes = [IsServerKey]
    _in_scope = False

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        with ExitStack() as self._scopes:
            response = super().dispatch(request, *args, **kwargs)
            if self._in_scope and getattr(response, "exception", False):
                transaction.set_rollback(True)
        return response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        caller: Caller = request.auth  # type: ignore[assignment]  # KeyAuthentication and IsServerKey have seen to it
        self._scopes.enter_context(tenant_scope(caller.tenant_id))
        self._in_scope = True
