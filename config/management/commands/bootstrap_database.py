"""`manage.py bootstrap_database`: roles and database on a Postgres of your own."""

from __future__ import annotations

import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.database_roles import BootstrapError, bootstrap


class Command(BaseCommand):
    help = (
        "Make, or correct, the two roles and the database that DATABASE_URL and DATABASE_OWNER_URL name. "
        "Running it again changes nothing."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--admin-url",
            default=os.environ.get("DATABASE_ADMIN_URL"),
            help="how a superuser, or a role with CREATEROLE and CREATEDB, connects; DATABASE_ADMIN_URL "
            "serves too, and keeps the password out of the list of processes",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not os.environ.get("DATABASE_URL"):
            raise CommandError("DATABASE_URL is not set: the embedded database is prepared when it starts.")
        if not settings.DATABASE_OWNER_URL:
            raise CommandError("Set DATABASE_OWNER_URL to the URL of the role that is to own the database.")
        if not options["admin_url"]:
            raise CommandError("Say who administers Postgres: --admin-url or DATABASE_ADMIN_URL.")
        try:
            bootstrap(
                admin_url=options["admin_url"],
                owner_url=settings.DATABASE_OWNER_URL,
                app_url=settings.DATABASE_URL,
            )
        except BootstrapError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(self.style.SUCCESS("The roles and the database are ready. Next: manage.py migrate."))
