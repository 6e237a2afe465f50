"""`migrate`, as the owner; then the application role's grants on the framework's tables."""

from __future__ import annotations

from typing import Any, cast

from django.core.management.commands import migrate
from django.db import connections

from tenants.grants import grant_framework_tables
from tenants.postgresql.base import DatabaseWrapper


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        connection = cast(DatabaseWrapper, connections[options["database"]])
        with connection.as_owner():
            super().handle(*args, **options)
            grant_framework_tables(connection)
