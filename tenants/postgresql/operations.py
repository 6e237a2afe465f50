"""What the owner alone may do: truncating tables (TRUNCATE ignores policies)."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.backends.postgresql import operations


class DatabaseOperations(operations.DatabaseOperations):
    def execute_sql_flush(self, sql_list: Sequence[str]) -> list[object]:
        with self.connection.as_owner():
            return super().execute_sql_flush(sql_list)
