"""A small HTTP client for the demo's check: an app with a write key, a server with its key, a marketer's browser."""

from __future__ import annotations

import base64
import http.cookiejar
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

TIMEOUT_SECONDS = 20


class ClientError(Exception):
    """An answer that was not what a working installation gives."""


class Client:
    """Talks to one installation."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._browser = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        )

    def post(self, path: str, body: dict[str, Any], *, key: str) -> dict[str, Any]:
        """The answer of an endpoint for apps; raises ClientError."""
        return self._json(path, key=key, data=json.dumps(body).encode())

    def get(self, path: str, *, key: str) -> dict[str, Any]:
        """The answer of an endpoint for servers; raises ClientError."""
        return self._json(path, key=key)

    def page(self, path: str) -> str:
        """The text of a page; raises ClientError."""
        return self._open(urllib.request.Request(self.url + path))[1]  # noqa: S310  (our own address)

    def sign_in(self, *, email: str, password: str) -> None:
        """Sign in as a browser does; raises ClientError."""
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.page("/accounts/login/"))
        if found is None:
            raise ClientError("The sign-in page has no form.")
        form = {"csrfmiddlewaretoken": found[1], "login": email, "password": password}
        request = urllib.request.Request(  # noqa: S310
            f"{self.url}/accounts/login/",
            data=urllib.parse.urlencode(form).encode(),
            headers={"Referer": f"{self.url}/accounts/login/"},
        )
        address, _ = self._open(request)
        if "/accounts/login" in address:
            raise ClientError("Signing in with the demo's password failed.")

    def _json(self, path: str, *, key: str, data: bytes | None = None) -> dict[str, Any]:
        credentials = base64.b64encode(f"{key}:".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data=data, headers=headers)  # noqa: S310
        text = self._open(request)[1]
        try:
            return json.loads(text)
        except ValueError as error:
            raise ClientError(f"{path} answered something that is not JSON: {text[:200]}") from error

    def _open(self, request: urllib.request.Request) -> tuple[str, str]:
        path = urllib.parse.urlsplit(request.full_url).path
        try:
            with self._browser.open(request, timeout=TIMEOUT_SECONDS) as response:
                return response.url, response.read().decode()
        except urllib.error.HTTPError as error:
            text = error.read(300).decode(errors="replace")
            raise ClientError(f"{path} answered {error.code}: {text}") from error
        except OSError as error:
            raise ClientError(f"{path} did not answer: {error}") from error
