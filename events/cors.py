"""What lets a browser on another origin read our answers."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

ALLOWED_HEADERS = "authorization, content-type, x-retry-count, content-encoding, anonymousid"
EXPOSED_HEADERS = "Retry-After, X-RateLimit-Reset"
PREFLIGHT_SECONDS = "7200"
_PATHS = ("/v1/", "/sourceConfig")


def let_read(request: HttpRequest, response: HttpResponse) -> None:
    """Add the headers; harmless the second time. Whether the origin may send is another question, answered by 403."""
    response["Access-Control-Allow-Origin"] = request.META.get("HTTP_ORIGIN", "*")
    response["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
    patch_vary_headers(response, ["Origin"])


class CORSMiddleware:
    """For the answers that no view made (404, 413, failures); stands before whatever may answer instead of a view."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith(_PATHS):
            let_read(request, response)
        return response
