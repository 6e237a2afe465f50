"""Row-level security as a model constraint: the policy is made in the migration that makes the table."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.backends.ddl_references import Statement

from tenants.scope import SETTING

READ_WRITE = ("SELECT", "INSERT", "UPDATE", "DELETE")
APPEND_ONLY = ("SELECT", "INSERT")


class TenantIsolation(models.BaseConstraint):
    """Let the application role see and write only rows of the scope's tenant.

    Not FORCEd: the owner (migrations, backup) sees everything. The application role gets just `privileges`.
    """

    def __init__(self, *, name: str, column: str = "tenant_id", privileges: tuple[str, ...] = READ_WRITE) -> None:
        super().__init__(name=name)
        self.column = column
        self.privileges = tuple(privileges)

    def create_sql(self, model: Any, schema_editor: Any) -> Statement:  # type: ignore[override]
        quote = schema_editor.quote_name
        table, role = quote(model._meta.db_table), quote(schema_editor.connection.application_role)
        predicate = f"{quote(self.column)} = NULLIF(current_setting('{SETTING}', true), '')::uuid"
        return Statement(
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; "
            f"CREATE POLICY {quote(self.name)} ON {table} TO {role} USING ({predicate}) WITH CHECK ({predicate}); "
            f"GRANT {', '.join(self.privileges)} ON {table} TO {role}"
        )

    def constraint_sql(self, model: Any, schema_editor: Any) -> None:  # type: ignore[override]
        """A policy has no form inside CREATE TABLE: it follows in the same migration."""
        schema_editor.deferred_sql.append(self.create_sql(model, schema_editor))

    def remove_sql(self, model: Any, schema_editor: Any) -> Statement:  # type: ignore[override]
        quote = schema_editor.quote_name
        return Statement(f"DROP POLICY {quote(self.name)} ON {quote(model._meta.db_table)}")

    def validate(self, *args: Any, **kwargs: Any) -> None:
        """The database alone enforces it."""

    def deconstruct(self) -> tuple[str, Any, dict[str, Any]]:
        path, args, kwargs = super().deconstruct()
        return path, args, kwargs | {"column": self.column, "privileges": self.privileges}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TenantIsolation) and self.deconstruct() == other.deconstruct()

    __hash__ = models.BaseConstraint.__hash__
