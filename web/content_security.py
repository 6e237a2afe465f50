"""Content-Security-Policy: pages run and load what the product serves itself, nothing inline.

Two exceptions that are not ours to write: the admin (django-unfold draws with Alpine's evaluating build and inline
styles) and the page of the API documentation (Swagger UI). A view that must show a tenant's images asks with
`@allowing(img_src="https:")`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse

STRICT = {
    "default-src": "'self'",
    "img-src": "'self' data:",  # Tabler's stylesheet carries small pictures; the second factor's code is one
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
ADMIN = STRICT | {"script-src": "'self' 'unsafe-inline' 'unsafe-eval'", "style-src": "'self' 'unsafe-inline'"}
API_DOCUMENTATION = STRICT | {"script-src": "'self' 'unsafe-inline'", "style-src": "'self' 'unsafe-inline'"}
LOOSER = {"/admin/": ADMIN, "/api/docs": API_DOCUMENTATION}


class ContentSecurityMiddleware:
    """Put the policy of its path on every answer that brings none of its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        policy = next((looser for path, looser in LOOSER.items() if request.path.startswith(path)), STRICT)
        policy = policy | getattr(response, "content_security", {})
        response.headers.setdefault("Content-Security-Policy", "; ".join(f"{k} {v}" for k, v in policy.items()))
        return response


def allowing(**sources: str) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """Let a view's page load more: `@allowing(img_src="https:")` adds to the strict directive."""
    more = {name.replace("_", "-"): value for name, value in sources.items()}

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def allowed(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            response = view(request, *args, **kwargs)
            response.content_security = {  # type: ignore[attr-defined]
                name: f"{STRICT.get(name, STRICT['default-src'])} {value}" for name, value in more.items()
            }
            return response

        return allowed

    return decorate
