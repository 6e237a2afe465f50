"""Where a request comes from."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def client_address(request: HttpRequest | Request) -> str | None:
    """The client's IP address; None where there is none, as on a socket file.

    Behind a proxy it is the last in X-Forwarded-For that belongs to none of the proxies: whatever stands before that
    one the client may have written itself.
    """
    address = _find_address(request.META.get("REMOTE_ADDR", ""))
    if settings.SECURE_PROXY_SSL_HEADER:
        for text in reversed(request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")):
            hop = _find_address(text)
            if hop is None:
                break
            address = hop
            if not any(hop in proxies for proxies in settings.TRUSTED_PROXIES):
                break
    return str(address) if address else None


def _find_address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    # A socket that serves both families tells IPv4 addresses as IPv6 ones.
    return getattr(address, "ipv4_mapped", None) or address
