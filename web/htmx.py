"""What htmx cannot tell by itself: a part of a page that is asked for after the session has ended."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.utils.http import url_has_allowed_host_and_scheme


class SignInMiddleware:
    """Lead the whole page to sign-in, and from there back to it: htmx would draw the form into the part."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if "HX-Request" in request.headers and _leads_to_sign_in(response):
            return HttpResponse(status=204, headers={"HX-Redirect": redirect_to_login(_page_of(request)).url})
        return response


def _leads_to_sign_in(response: HttpResponse) -> bool:
    target = response.headers.get("Location", "") if 300 <= response.status_code < 400 else ""
    return urlsplit(target).path == settings.LOGIN_URL


def _page_of(request: HttpRequest) -> str:
    """The page that the browser shows; the address of a part means nothing by itself."""
    page = request.headers.get("HX-Current-URL", "")
    if not url_has_allowed_host_and_scheme(page, {request.get_host()}):
        return settings.LOGIN_REDIRECT_URL
    parts = urlsplit(page)
    return parts._replace(scheme="", netloc="", fragment="").geturl() or settings.LOGIN_REDIRECT_URL
