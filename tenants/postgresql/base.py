"""The connection: the application role by default, the owner inside `as_owner()`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.backends.postgresql import base

from tenants.postgresql.creation import DatabaseCreation
from tenants.postgresql.operations import DatabaseOperations
from tenants.postgresql.role import refuse_bypassing_role


class DatabaseWrapper(base.DatabaseWrapper):
    """A PostgreSQL connection that can change its role by reconnecting."""

    creation_class = DatabaseCreation
    ops_class = DatabaseOperations

    @property
    def _is_owner(self) -> bool:
        return self.settings_dict.get("AS_OWNER", False)  # in the settings: Django copies them to sub-connections

    @property
    def application_role(self) -> str:
        """The role that every policy and grant names."""
        return self.settings_dict["USER"]

    @property
    def pool(self) -> Any:
        return None if self._is_owner else super().pool  # type: ignore[misc]

    def get_connection_params(self) -> dict[str, Any]:
        params = super().get_connection_params()
        if self._is_owner:
            params |= self.settings_dict["OWNER"]
            params.pop("pool", None)
            params["options"] = "-c timezone=UTC -c lock_timeout=60000"
        return params

    def init_connection_state(self) -> None:
        super().init_connection_state()
        if not self._is_owner:
            refuse_bypassing_role(self)

    @contextmanager
    def as_owner(self) -> Iterator[None]:
        """Reconnect as the owner; not inside a transaction. Nests."""
        if self._is_owner:
            yield
            return
        if self.in_atomic_block:
            raise RuntimeError("as_owner() cannot change the role inside a transaction")
        self.close()
        self.settings_dict["AS_OWNER"] = True
        try:
            yield
        finally:
            self.close()
            self.settings_dict["AS_OWNER"] = False
