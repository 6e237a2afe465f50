"""What is answered when something goes wrong: one JSON shape for the API, a page for people."""

from __future__ import annotations

import sys
from collections.abc import Callable

import structlog
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.template import loader
from django.utils.translation import gettext as _

from tenants.errors import is_api, json_error

log = structlog.get_logger(__name__)
CODES = {
    400: "bad_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    429: "rate_limited",
}


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, RequestDataTooBig):
        return _answer(
            request, 413, "too_large", _("This is too large"), _("The request has more data than is accepted.")
        )
    return _answer(request, 400, "bad_request", _("This cannot be understood"), _("The request is malformed."))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 403, "forbidden", _("This is not allowed"), str(exception) or _("You may not do this."))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(
        request, 404, "not_found", _("There is nothing here"), _("The page or object does not exist, or no longer.")
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """A database that does not answer in time is a passing state (503), everything else a fault of ours (500)."""
    if isinstance(sys.exc_info()[1], OperationalError):
        explanation = _("The database did not answer in time. Try again in a moment.")
        response = _answer(request, 503, "busy", _("Busy just now"), explanation)
        response["Retry-After"] = "1"
        return response
    return _answer(request, 500, "internal_error", _("Something broke"), _("This is our fault. It has been logged."))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    explanation = _("The form was open for too long, or cookies are off. Go back, load the page again and retry.")
    return _answer(request, 403, "csrf_failed", _("The form is out of date"), explanation)


class APIErrorMiddleware:
    """For the API's paths: refuse bodies over the limit unread, and bring every error into the one shape."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not is_api(request):
            return self.get_response(request)
        try:
            length = int(request.META.get("CONTENT_LENGTH") or 0)
        except ValueError:
            return json_error(400, "bad_request", "Content-Length is no number.")
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if length > limit:
            return json_error(413, "too_large", f"The request has {length} bytes; {limit} are accepted.")
        response = self.get_response(request)
        if response.status_code >= 400 and not response.headers.get("Content-Type", "").startswith("application/"):
            shaped = json_error(
                response.status_code, CODES.get(response.status_code, "error"), response.reason_phrase or "Error"
            )
            for name in ("Allow", "Retry-After", "WWW-Authenticate"):
                if name in response.headers:
                    shaped[name] = response.headers[name]
            return shaped
        return response


def _answer(request: HttpRequest, status: int, code: str, title: str, explanation: str) -> HttpResponse:
    if is_api(request):
        return json_error(status, code, explanation)
    # Without the request: its context processors would ask a session or database that may be the very trouble.
    page = loader.render_to_string("web/error.html", {"title": title, "explanation": explanation})
    return HttpResponse(page, status=status)
