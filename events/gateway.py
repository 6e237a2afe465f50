"""The door for apps: what every endpoint that takes a write key shares.

The body is read whatever its content type, inflated within bounds; the key comes from the header or the body; the
origin is checked; every answer, errors included, carries the CORS headers, or browsers could not read it.
"""

from __future__ import annotations

import zlib
from contextlib import ExitStack
from functools import cached_property
from typing import Any, ClassVar

import structlog
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError, InterfaceError, transaction
from django.http import HttpRequest, UnreadablePostError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.cors import ALLOWED_HEADERS, PREFLIGHT_SECONDS, let_read
from events.parsing import UnreadableBody, parse_document
from events.persistence import attempts, is_lost_race
from tenants.api import authenticate_key, key_from_header
from tenants.errors import APIError, error_body
from tenants.keys import Caller, load_tenant
from tenants.models import Tenant
from tenants.rate_limits import admit
from tenants.scope import tenant_scope

log = structlog.get_logger(__name__)

_GZIP = b"\x1f\x8b"
# A member costs a copy of what follows it, so many tiny ones would cost the square of the body.
MAX_GZIP_MEMBERS = 16
_BAD_GZIP = f"The body says that it is gzip, but it is not, or it has more than {MAX_GZIP_MEMBERS} members."


class JSONAlways(BaseContentNegotiation):
    """Answers are JSON whatever the client says it accepts."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class OpenView(APIView):
    """A view for apps without a key: CORS and the one error shape."""

    authentication_classes = ()
    permission_classes = ()
    content_negotiation_class = JSONAlways

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        """A preflight: browsers send no key with it."""
        return Response(
            status=204,
            headers={
                "Access-Control-Allow-Methods": ", ".join(self.allowed_methods),
                "Access-Control-Allow-Headers": ALLOWED_HEADERS,
                "Access-Control-Max-Age": PREFLIGHT_SECONDS,
            },
        )

    def handle_exception(self, exc: Exception) -> Response:
        try:
            return super().handle_exception(exc)
        except (DatabaseError, InterfaceError):
            log.exception("api.database_failed")
            body = error_body("busy", "The database could not store this. Try again in a moment.")
            response = Response(body, status=503, headers={"Retry-After": "1"})
        except Exception:
            # Clients take any other shape of error for a broken network and resend up to ten times.
            log.exception("api.failed")
            response = Response(error_body("internal", "Something went wrong on our side."), status=500)
        response.exception = True
        return response

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        let_read(request, response)
        return response


class WriteKeyView(OpenView):
    """A view for apps: reads the body, knows the caller, refuses too many calls and foreign origins.

    Handlers use `self.caller`, `self.body` or `self.document`, and `self.tenant`. With `opens_scope` they run
    inside the tenant's scope, an error rolls everything back, and a lost race begins again.
    """

    opens_scope: ClassVar[bool] = False
    caller: Caller
    body: bytes

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        for _ in attempts():
            self._scoped = self._has_lost_race = False
            with ExitStack() as self._scopes:
                response = super().dispatch(request, *args, **kwargs)
                if self._scoped and getattr(response, "exception", False):
                    transaction.set_rollback(True)
            if not (self._scoped and self._has_lost_race):
                break
        return response

    def handle_exception(self, exc: Exception) -> Response:
        self._has_lost_race = is_lost_race(exc)
        return super().handle_exception(exc)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method == "OPTIONS":
            return
        self.body = read_body(request._request)
        self.caller = authenticate_key(key_from_header(request) or self.key_in_body(), request=request)
        admit(self.caller, request=request, items=self.count_items())
        if self.opens_scope:
            self._scopes.enter_context(tenant_scope(self.caller.tenant_id))
            self._scoped = True
        origin = request.META.get("HTTP_ORIGIN")
        if origin is not None and not _allows(self.tenant, origin):
            raise APIError(
                status_code=403,
                code="origin_not_allowed",
                message=f"{origin} is not among the allowed origins of this workspace.",
            )

    def key_in_body(self) -> str | None:
        """The write key that the body names."""
        key = self.document.get("writeKey")
        return key if isinstance(key, str) else None

    def count_items(self) -> int:
        """How many items the body brings to be stored."""
        return 0

    @cached_property
    def document(self) -> dict[str, Any]:
        """The body as a JSON object."""
        try:
            return parse_document(self.body)
        except UnreadableBody as error:
            raise unreadable(error) from error

    @cached_property
    def tenant(self) -> Tenant:
        """The caller's; not to be changed."""
        return load_tenant(self.caller)


def _allows(tenant: Tenant, origin: str) -> bool:
    """Whether a browser's origin may call; an empty list allows any."""
    return not tenant.allowed_origins or _normal(origin) in map(_normal, tenant.allowed_origins)


def _normal(origin: str) -> str:
    """Scheme and host do not know case, and people write a slash behind them."""
    return origin.strip().lower().rstrip("/")


def unreadable(error: UnreadableBody) -> APIError:
    """The answer to a body of which nothing can be kept."""
    status = 413 if error.code in ("item_too_large", "too_many_items") else 400
    return APIError(status_code=status, code=error.code, message=error.message)


def read_body(request: HttpRequest) -> bytes:
    """The request's body, inflated if it is gzip; raises APIError 400 or 413."""
    try:
        body = request.body
    except RequestDataTooBig:
        raise _too_large() from None
    except UnreadablePostError as error:
        raise APIError(status_code=400, code="incomplete", message="The body did not arrive whole.") from error
    if body.startswith(_GZIP):  # no JSON text begins so; the header is sometimes missing
        body = _inflate(body)
    elif "gzip" in request.META.get("HTTP_CONTENT_ENCODING", "").lower() and body[:1] not in (b"{", b"["):
        raise _bad_gzip()
    if len(body) > settings.MAX_BATCH_BYTES:
        raise _too_large()
    return body


def _inflate(packed: bytes) -> bytes:
    """Inflate, never making more than one byte beyond the limit."""
    room = settings.MAX_BATCH_BYTES + 1
    parts: list[bytes] = []
    while packed and room > 0:
        if len(parts) == MAX_GZIP_MEMBERS:
            raise _bad_gzip()
        stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            part = stream.decompress(packed, room)
        except zlib.error as error:
            raise _bad_gzip() from error
        parts.append(part)
        room -= len(part)
        if room > 0 and not stream.eof:
            raise _bad_gzip()
        packed = stream.unused_data.lstrip(b"\x00")
    return b"".join(parts)


def _too_large() -> APIError:
    message = f"A body may have at most {settings.MAX_BATCH_BYTES} bytes, inflated."
    return APIError(status_code=413, code="too_large", message=message)


def _bad_gzip() -> APIError:
    return APIError(status_code=400, code="bad_gzip", message=_BAD_GZIP)
