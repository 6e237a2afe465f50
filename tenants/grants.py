"""What the application role may do with the framework's own tables (tenant tables carry their grants themselves)."""

from __future__ import annotations

from django.apps import apps
from django.db import models

from tenants.isolation import TenantIsolation
from tenants.postgresql.base import DatabaseWrapper


def is_tenant_model(model: type[models.Model]) -> bool:
    return any(isinstance(constraint, TenantIsolation) for constraint in model._meta.constraints)


def grant_framework_tables(connection: DatabaseWrapper) -> None:
    """Let the application role use every table without a tenant; run as the owner, idempotent."""
    quote = connection.ops.quote_name
    role = quote(connection.application_role)
    existing = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_database(), pg_has_role(current_user, datdba, 'USAGE') FROM pg_database "
            "WHERE datname = current_database()"
        )
        database, is_owner = cursor.fetchone()
        if is_owner:  # temporary tables would be outside every policy
            cursor.execute(f"REVOKE TEMPORARY ON DATABASE {quote(database)} FROM PUBLIC")
        cursor.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
        if "django_migrations" in existing:
            cursor.execute(f"GRANT SELECT ON django_migrations TO {role}")
        for model in apps.get_models(include_auto_created=True):
            table = model._meta.db_table
            if model._meta.managed and table in existing and not is_tenant_model(model):
                cursor.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {quote(table)} TO {role}")
