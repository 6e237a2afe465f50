"""The two roles of the database backend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from tenants.models import AuditEntry
from tests.conftest import Company

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def connected(**changes: object) -> Iterator[BaseDatabaseWrapper]:
    """Another connection of the same kind with other settings."""
    other = type(connections["default"])({**connection.settings_dict, **changes}, alias="other")
    connections["other"] = other
    try:
        yield other
    finally:
        other.close()
        del connections["other"]


def current_user(of: BaseDatabaseWrapper) -> str:
    with of.cursor() as cursor:
        cursor.execute("SELECT current_user")
        return cursor.fetchone()[0]


def test_connection__by_default__is_the_application_role() -> None:
    assert current_user(connection) == connection.settings_dict["USER"] != connection.settings_dict["OWNER"]["user"]


def test_connection__with_the_owner_as_application_role__is_refused() -> None:
    owner = connection.settings_dict["OWNER"]

    with connected(USER=owner["user"], PASSWORD=owner["password"]) as other:
        with pytest.raises(ImproperlyConfigured, match="tenants would not be isolated"):
            other.ensure_connection()
        assert other.connection is None or other.connection.closed


def test_connection__through_a_pool__is_checked_and_works() -> None:
    options = {**connection.settings_dict["OPTIONS"], "pool": {"min_size": 1, "max_size": 2, "timeout": 5}}

    with connected(OPTIONS=options, CONN_MAX_AGE=0) as other:
        assert current_user(other) == connection.settings_dict["USER"]
        with other.as_owner():
            assert current_user(other) == connection.settings_dict["OWNER"]["user"]
        assert current_user(other) == connection.settings_dict["USER"]
        other.close()
        other.close_pool()


def test_as_owner__nested__comes_back_to_the_application_role() -> None:
    with connection.as_owner():
        with connection.as_owner():
            assert current_user(connection) == connection.settings_dict["OWNER"]["user"]
        assert current_user(connection) == connection.settings_dict["OWNER"]["user"]

    assert current_user(connection) == connection.settings_dict["USER"]


def test_as_owner__after_an_error__comes_back_to_the_application_role() -> None:
    with pytest.raises(ZeroDivisionError), connection.as_owner():
        raise ZeroDivisionError

    assert current_user(connection) == connection.settings_dict["USER"]


def test_as_owner__inside_a_transaction__raises() -> None:
    with transaction.atomic(), pytest.raises(RuntimeError, match="inside a transaction"), connection.as_owner():
        pass


def test_flush__after_a_transactional_test__empties_what_the_application_cannot_delete(acme: Company) -> None:
    from django.core.management import call_command

    with acme.scope():
        AuditEntry.objects.create(tenant=acme.tenant, actor="a", action="b")

    call_command("flush", interactive=False, verbosity=0)

    with acme.scope():
        assert not AuditEntry.objects.exists()
