"""What the owner alone may do: truncating tables (TRUNCATE ignores policies)."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.backends.postgresql import operations


class DatabaseOperations(operations.DatabaseOperations):
    def execute_sql_flush(self, sql_list: Iterable[str]) -> None:
        with self.connection.as_owner():  # type: ignore[attr-defined]
            super().execute_sql_flush(sql_list)
