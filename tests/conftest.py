"""The cast of every test: Acme and Globex, two tenants that must never see each other."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_services = ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    """Start Postgres and Redis where no external ones are named; workers of xdist use their controller's."""
    from config import embedded

    if not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
        _services.enter_context(embedded.running())


def pytest_unconfigure(config: pytest.Config) -> None:
    _services.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not find_chromium() and not os.environ.get("CI"):
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(pytest.mark.skip(reason="SKIPPED ALOUD: no Chromium on this machine"))


def find_chromium() -> str | None:
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(autouse=True)
def _forgetful() -> Iterator[None]:
    """No test meets what this process remembers of another: that Redis was away, who sent unknown keys."""
    yield
    from django.core.cache import caches

    from events import nudges
    from tenants import quick_redis

    nudges.resume()
    quick_redis.breaker.reset()
    caches["process"].clear()


@pytest.fixture
def redis_of_our_own(tmp_path: Path, settings: Any) -> Iterator[Any]:
    """Cache and queue at a Valkey that a test may stop, and whose queues hold its own tasks alone."""
    from tests.workers import own_redis

    with own_redis(state_dir=tmp_path / "redis", settings=settings) as valkey:
        yield valkey


@pytest.fixture(scope="session")
def chromium() -> str:
    path = find_chromium()
    assert path, "Chromium is missing: install the package chromium"
    return path


@pytest.fixture(scope="session")
def reference_data() -> Callable[[str], Path]:
    """The folder of a reference data set; skips aloud where the data are absent."""

    def folder(name: str) -> Path:
        root = os.environ.get("NUNCHI_DATA")
        if not root or not (Path(root) / name).is_dir():
            pytest.skip(f"SKIPPED ALOUD: no reference data {name!r} (NUNCHI_DATA={root or 'unset'})")
        return Path(root) / name

    return folder


@pytest.fixture(scope="session")
def future_partition(django_db_setup: None, django_db_blocker: Any) -> None:
    """Room for events of any year: histories of the oracle are also set in the future."""
    from django.db import connection

    with django_db_blocker.unblock(), connection.as_owner(), connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS events_event_rest PARTITION OF events_event DEFAULT")


@dataclass(frozen=True)
class Company:
    """A tenant with its keys and one user a role."""

    tenant: Any
    write_key: str
    server_key: str
    users: dict[str, Any]

    def scope(self) -> Any:
        from tenants.scope import tenant_scope

        return tenant_scope(self.tenant.pk)

    @property
    def write_auth(self) -> dict[str, str]:
        return {"HTTP_AUTHORIZATION": "Basic " + base64.b64encode(f"{self.write_key}:".encode()).decode()}

    @property
    def server_auth(self) -> dict[str, str]:
        return {"HTTP_AUTHORIZATION": "Basic " + base64.b64encode(f"{self.server_key}:".encode()).decode()}


def found_company(name: str) -> Company:
    from tenants.founding import found_tenant
    from tenants.keys import create_key
    from tenants.models import APIKey, Member, User
    from tenants.scope import tenant_scope

    owner = User.objects.create_user(f"owner@{name.lower()}.example", "correct horse battery")
    tenant = found_tenant(name=name, owner=owner)
    users = {"owner": owner}
    with tenant_scope(tenant.pk):
        for role in (Member.Role.MARKETER, Member.Role.ANALYST, Member.Role.DEVELOPER):
            users[role] = User.objects.create_user(f"{role}@{name.lower()}.example", "correct horse battery")
            Member.objects.create(tenant=tenant, user=users[role], role=role)
        _, write_key = create_key(name="App", kind=APIKey.Kind.WRITE)
        _, server_key = create_key(name="Server", kind=APIKey.Kind.SERVER)
    return Company(tenant=tenant, write_key=write_key, server_key=server_key, users=users)


@pytest.fixture
def acme(db: None) -> Company:
    return found_company("Acme")


@pytest.fixture
def globex(db: None) -> Company:
    return found_company("Globex")


@pytest.fixture
def scoped(acme: Company) -> Iterator[Company]:
    """Acme, with its scope open for the whole test."""
    with acme.scope():
        yield acme
