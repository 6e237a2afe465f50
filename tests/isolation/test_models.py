"""Every tenant model by itself: this grows with the models."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import connection, models, transaction
from django.db.utils import DatabaseError

from tenants.scope import OutsideTenantScope, TenantManager
from tests.conftest import Company
from tests.isolation.planting import MARKER, Planted, isolation_of, rows_of, tenant_models

EVERY = pytest.mark.parametrize("model", tenant_models(), ids=lambda model: model._meta.label)
# Keyed by a message or a tenant rather than by a person (design: receipts are distributed by message).
NOT_PERSON_KEYED = {"events.Receipt", "segments.Recomputation"}


def is_person_keyed(model: type[models.Model]) -> bool:
    return any(field.attname == "person_id" for field in model._meta.concrete_fields)


def execute(sql: str, *params: object) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def planted(acme: Company, globex: Company) -> Planted:
    return Planted(globex)


def test_models__with_a_tenant__are_isolated() -> None:
    without = [
        model._meta.label
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed
        and not isolation_of(model)
        and any(
            field.attname == "tenant_id" or (field.related_model and isolation_of(field.related_model))
            for field in model._meta.concrete_fields
        )
    ]

    assert without == [], "give these a TenantIsolation constraint in the migration that makes their table"


def test_models__of_many_to_many_tables__do_not_exist_between_tenant_models() -> None:
    for model in tenant_models():
        assert not model._meta.many_to_many, f"{model}: spell the table out, so that it is isolated too"


@EVERY
def test_model__its_default_manager__adds_the_tenant(model: type[models.Model]) -> None:
    assert isinstance(model._default_manager, TenantManager)


@EVERY
def test_model__person_keyed__obeys_the_rules_of_distribution(model: type[models.Model]) -> None:
    if not is_person_keyed(model):
        assert model._meta.label in NOT_PERSON_KEYED or any(
            (isinstance(field, models.ForeignKey) and field.attname == "tenant_id") or field.primary_key
            for field in model._meta.concrete_fields
        )
        return

    keys = [[field.attname for field in model._meta.pk_fields]]
    keys += [list(c.fields) for c in model._meta.constraints if isinstance(c, models.UniqueConstraint)]
    foreign = [field.name for field in model._meta.concrete_fields if isinstance(field, models.ForeignKey)]

    assert all(key[:2] == ["tenant_id", "person_id"] for key in keys), keys
    assert not any(field.unique for field in model._meta.concrete_fields if field.attname != "pk")
    assert foreign == []
    assert all(index.fields[0].lstrip("-") == "tenant_id" for index in model._meta.indexes)


@pytest.mark.django_db(transaction=True)
@EVERY
def test_model__outside_a_scope__cannot_be_queried(model: type[models.Model], planted: Planted) -> None:
    with pytest.raises(OutsideTenantScope):
        list(model.objects.all())
    assert execute(f"SELECT * FROM {model._meta.db_table}") == []


@pytest.mark.django_db(transaction=True)
@EVERY
def test_model__of_another_tenant__is_invisible(
    model: type[models.Model], planted: Planted, acme: Company, globex: Company
) -> None:
    """Planted bug: a policy of `true` on events (seen to fail)."""
    isolation = isolation_of(model)
    assert isolation
    with globex.scope():
        assert model.objects.exists(), "planted"

    with acme.scope():
        assert not model.objects.filter(pk=planted(model._meta.label).pk).exists()
        raw = execute(f"SELECT {isolation.column} FROM {model._meta.db_table}")
        assert {row[0] for row in raw} <= {acme.tenant.pk}
        assert MARKER not in repr(execute(f"SELECT * FROM {model._meta.db_table}"))


@pytest.mark.django_db(transaction=True)
@EVERY
def test_model__of_another_tenant__cannot_be_written(
    model: type[models.Model], planted: Planted, acme: Company, globex: Company
) -> None:
    """Planted bug: a policy of `true` on events (seen to fail)."""
    isolation = isolation_of(model)
    assert isolation
    table, column = model._meta.db_table, isolation.column
    before = rows_of(globex)

    with globex.scope():
        copied = execute(f"SELECT row_to_json(t)::text FROM {table} t WHERE {column} = %s", globex.tenant.pk)[0][0]
    with acme.scope():
        for statement, params in (
            (f"UPDATE {table} SET {column} = {column} WHERE {column} = %s", [globex.tenant.pk]),
            (f"DELETE FROM {table} WHERE {column} = %s", [globex.tenant.pk]),
            (f"INSERT INTO {table} SELECT * FROM json_populate_record(NULL::{table}, %s)", [copied]),
            (f"TRUNCATE {table} CASCADE", []),
        ):
            try:
                with transaction.atomic():
                    execute(statement, *params)
            except DatabaseError as error:
                assert "row-level security" in str(error) or "permission denied" in str(error), statement
            else:
                assert not statement.startswith(("INSERT", "TRUNCATE")), f"not refused: {statement}"

    assert rows_of(globex) == before


def test_planting__every_model__has_a_tenant_column() -> None:
    for model in tenant_models():
        try:
            model._meta.get_field(isolation_of(model).column)  # type: ignore[union-attr]
        except FieldDoesNotExist:
            assert any(field.attname == "tenant_id" for field in model._meta.concrete_fields)
