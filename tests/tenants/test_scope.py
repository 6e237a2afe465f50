"""The scope is the one way in, and there is no way around it."""

from __future__ import annotations

import uuid

import pytest
from django.db import ProgrammingError, connection, transaction

from tenants.models import APIKey, Member, Tenant
from tenants.scope import OutsideTenantScope, current_tenant_id, tenant_scope
from tests.conftest import Company

pytestmark = pytest.mark.django_db(transaction=True)


def setting() -> str | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('nunchi.tenant_id', true)")
        return cursor.fetchone()[0]


def raw_count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return cursor.fetchone()[0]


def test_scope__nested__the_former_tenant_is_restored(acme: Company, globex: Company) -> None:
    with acme.scope():
        with globex.scope():
            assert current_tenant_id() == globex.tenant.pk
            assert Tenant.objects.get().name == "Globex"

        assert current_tenant_id() == acme.tenant.pk
        assert setting() == str(acme.tenant.pk)
        assert raw_count("tenants_member") == 4


def test_scope__an_error_inside_a_nested_one__the_former_tenant_is_restored(acme: Company, globex: Company) -> None:
    with acme.scope():
        with pytest.raises(ZeroDivisionError), globex.scope():
            raise ZeroDivisionError

        assert current_tenant_id() == acme.tenant.pk
        assert setting() == str(acme.tenant.pk)


def test_scope__rolled_back_without_an_error__the_former_tenant_is_restored(acme: Company, globex: Company) -> None:
    with acme.scope():
        with globex.scope():
            transaction.set_rollback(True)

        assert setting() == str(acme.tenant.pk)


def test_scope__left__nothing_remains(acme: Company) -> None:
    with acme.scope():
        pass

    assert not setting()
    assert raw_count("tenants_member") == 0


def test_scope__left_inside_a_transaction__nothing_remains(acme: Company) -> None:
    with transaction.atomic():
        with acme.scope():
            assert raw_count("tenants_member") == 4

        assert setting() == ""
        assert raw_count("tenants_member") == 0


def test_scope__an_error_outermost__rolls_everything_back(acme: Company) -> None:
    with pytest.raises(ZeroDivisionError), acme.scope():
        Tenant.objects.update(name="Changed")
        raise ZeroDivisionError

    with acme.scope():
        assert Tenant.objects.get().name == "Acme"


def test_manager__outside_a_scope__raises(acme: Company) -> None:
    with pytest.raises(OutsideTenantScope):
        Member.objects.count()
    with pytest.raises(OutsideTenantScope):
        current_tenant_id()


def test_save__outside_a_scope__is_refused_by_the_database(acme: Company) -> None:
    with pytest.raises(ProgrammingError, match="row-level security"):
        acme.tenant.save()


def test_scope__a_tenant_that_does_not_exist__sees_nothing(acme: Company) -> None:
    with tenant_scope(uuid.uuid4()):
        assert raw_count("tenants_member") == 0
        assert not APIKey.objects.exists()
