"""The test database: made, migrated and dropped by the owner, used by the application role."""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql import creation


class DatabaseCreation(creation.DatabaseCreation):
    def create_test_db(self, *args: Any, **kwargs: Any) -> str:
        with self.connection.as_owner():  # type: ignore[attr-defined]
            name = super().create_test_db(*args, **kwargs)
        self.connection.settings_dict["NAME"] = name
        return name

    def clone_test_db(self, *args: Any, **kwargs: Any) -> None:
        with self.connection.as_owner():  # type: ignore[attr-defined]
            super().clone_test_db(*args, **kwargs)

    def destroy_test_db(self, *args: Any, **kwargs: Any) -> None:
        with self.connection.as_owner():  # type: ignore[attr-defined]
            super().destroy_test_db(*args, **kwargs)
