from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from django.test import RequestFactory

from tenants.addresses import client_address


@pytest.fixture
def behind_proxies(settings: Any) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8"), ip_network("2001:db8:ffff::/48")]


def test_client_address__without_a_proxy__is_the_peer_whatever_it_says(rf: RequestFactory) -> None:
    request = rf.get("/", REMOTE_ADDR="203.0.113.9", HTTP_X_FORWARDED_FOR="1.1.1.1")

    assert client_address(request) == "203.0.113.9"


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("1.1.1.1,203.0.113.9,10.2.3.4", "203.0.113.9"),
        ("10.9.9.9, 203.0.113.9, 10.2.3.4, 10.0.0.7", "203.0.113.9"),
        ("2001:db8::1, 2001:db8:ffff::7", "2001:db8::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("10.0.0.5, 10.0.0.6", "10.0.0.5"),
        ("nonsense, 203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, nonsense", "10.0.0.1"),
        ("", "10.0.0.1"),
    ],
)
def test_client_address__behind_proxies__is_the_last_that_is_not_one_of_them(
    rf: RequestFactory, behind_proxies: None, forwarded: str, address: str
) -> None:
    request = rf.get("/", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=forwarded)

    assert client_address(request) == address


def test_client_address__without_the_header__is_the_proxy(rf: RequestFactory, behind_proxies: None) -> None:
    assert client_address(rf.get("/", REMOTE_ADDR="10.0.0.1")) == "10.0.0.1"


def test_client_address__on_a_socket_file__is_none(rf: RequestFactory) -> None:
    assert client_address(rf.get("/", REMOTE_ADDR="")) is None
