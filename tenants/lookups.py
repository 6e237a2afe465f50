"""The questions that precede a tenant, as SECURITY DEFINER functions that return ids and what a key may do."""

from __future__ import annotations

from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


class CreateLookup(migrations.RunSQL):
    """Create a function that runs as the owner, callable by the application role alone.

    `signature` is "name(type, …)" as DROP FUNCTION takes it; `body` the rest of the CREATE FUNCTION statement.
    """

    def __init__(self, *, signature: str, returns: str, body: str, arguments: str = "", language: str = "sql") -> None:
        self.signature, self.returns, self.body = signature, returns, body
        self.arguments, self.language = arguments, language
        name = signature.split("(")[0]
        super().__init__(
            sql=(
                f"CREATE FUNCTION {name}({arguments}) RETURNS {returns} LANGUAGE {language} "
                f"SECURITY DEFINER SET search_path = public, pg_temp AS $body$ {body} $body$"
            ),
            reverse_sql=f"DROP FUNCTION {signature}",
        )

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        names = ("signature", "returns", "body", "arguments", "language")
        return type(self).__name__, [], {name: getattr(self, name) for name in names}

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        super().database_forwards(app_label, schema_editor, from_state, to_state)
        role = schema_editor.quote_name(schema_editor.connection.application_role)  # type: ignore[attr-defined]
        schema_editor.execute(f"REVOKE ALL ON FUNCTION {self.signature} FROM PUBLIC", params=None)
        schema_editor.execute(f"GRANT EXECUTE ON FUNCTION {self.signature} TO {role}", params=None)
