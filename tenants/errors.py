"""The one shape of an API error: {"code", "message", "fields"?}."""

from __future__ import annotations

import math
import time
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions, status
from rest_framework.response import Response

log = structlog.get_logger(__name__)


class APIError(exceptions.APIException):
    """An error that the API answers with its own status, code and message."""

    def __init__(
        self,
        *,
        status_code: int,
        code: str,
        message: str,
        fields: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message, code)
        self.status_code = status_code
        self.code = code
        self.message = message
        self.fields = fields
        self.headers = headers or {}


def too_many(*, code: str, message: str, seconds: float) -> APIError:
    """The answer 429 to who may ask again in so many seconds."""
    wait = max(1, math.ceil(seconds))
    headers = {"Retry-After": str(wait), "X-RateLimit-Reset": str(math.ceil(time.time() + wait))}
    return APIError(status_code=429, code=code, message=message, headers=headers)


def error_body(code: str, message: str, fields: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"code": code, "message": message} | ({"fields": fields} if fields else {})


def api_exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's handler: every error that leaves a view in the one shape, without a 500 for anything expected."""
    headers: dict[str, str] = {}
    match exc:
        case APIError():
            code, body = exc.status_code, error_body(exc.code, exc.message, exc.fields)
            headers |= exc.headers
        case Http404():
            code, body = status.HTTP_404_NOT_FOUND, error_body("not_found", "There is no such object.")
        case PermissionDenied():
            code, body = status.HTTP_403_FORBIDDEN, error_body("forbidden", str(exc) or "This is not allowed.")
        case exceptions.ValidationError():
            code, body = status.HTTP_400_BAD_REQUEST, error_body("invalid", "Some values are not valid.", _fields(exc))
        case ValidationError():
            fields = exc.message_dict if hasattr(exc, "error_dict") else {"non_field_errors": exc.messages}
            code, body = status.HTTP_400_BAD_REQUEST, error_body("invalid", "Some values are not valid.", fields)
        case exceptions.APIException():
            code, body = exc.status_code, error_body(exc.default_code, str(exc.detail))
            if wait := getattr(exc, "wait", None):  # of Throttled
                headers["Retry-After"] = str(int(wait) + 1)
        case OperationalError():
            log.exception("api.database_unavailable")
            code = status.HTTP_503_SERVICE_UNAVAILABLE
            body = error_body("busy", "The database did not answer in time. Try again in a moment.")
            headers["Retry-After"] = "1"
        case _:
            return None
    return Response(body, status=code, headers=headers)


def _fields(exc: exceptions.ValidationError) -> dict[str, Any]:
    return exc.detail if isinstance(exc.detail, dict) else {"non_field_errors": exc.detail}


def json_error(status_code: int, code: str, message: str) -> JsonResponse:
    return JsonResponse(error_body(code, message), status=status_code)


def is_api(request: HttpRequest) -> bool:
    return request.path.startswith(("/v1/", "/api/"))
