from __future__ import annotations

import pytest
from django.core.cache import cache
from django.test import Client

from config.cache import TolerantCache
from tests.conftest import Company


@pytest.fixture
def away() -> TolerantCache:
    """A cache whose server is not there."""
    return TolerantCache("redis://127.0.0.1:1/0", {"OPTIONS": {"socket_connect_timeout": 0.2}})


def test_cache__there__keeps_what_it_is_given() -> None:
    cache.set("tests.config.cache", 1, 5)

    assert cache.get("tests.config.cache") == 1


def test_cache__away__misses_and_never_raises(away: TolerantCache) -> None:
    away.set("a", 1)

    assert away.get("a") is None
    assert away.get("a", 7) == 7
    assert away.add("a", 1)
    assert away.incr("a") == 1
    assert away.get_many(["a"]) == {}
    assert away.set_many({"a": 1}) == ["a"]
    assert "a" not in away
    assert away.delete("a") is False
    assert away.touch("a") is False


@pytest.mark.django_db
def test_sign_in__with_redis_away__works(acme: Company, settings: object) -> None:
    here = settings.CACHES["default"]  # type: ignore[attr-defined]
    settings.CACHES = {"default": here | {"LOCATION": "redis://127.0.0.1:1/0"}}  # type: ignore[attr-defined]
    credentials = {"login": "owner@acme.example", "password": "correct horse battery"}

    assert Client().post("/accounts/login/", credentials).headers["Location"] == "/"
