"""`manage.py services`: the embedded Postgres and Redis, for developers."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from config import embedded


class Command(BaseCommand):
    help = "Start the embedded Postgres and Redis and leave them running; stop them; or tell how they are."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["start", "stop", "status"])

    def handle(self, *args: Any, **options: Any) -> None:
        if not any(embedded.needed()):
            self.stdout.write("DATABASE_URL and REDIS_URL are set, so there are no embedded services here.")
            return
        action = options["action"]
        if action == "start":
            embedded.keep(settings.STATE_DIR)
        elif action == "stop" and not embedded.stop(settings.STATE_DIR):
            self.stdout.write("Other commands use the services; the last of them will stop them.")
        self._tell(embedded.status(settings.STATE_DIR))

    def _tell(self, status: embedded.Status) -> None:
        for wanted, name, pid in zip(
            embedded.needed(), ("Postgres", "Redis"), (status.postgres_pid, status.valkey_pid), strict=True
        ):
            if wanted:
                self.stdout.write(f"{name}: {f'runs (process {pid})' if pid else 'does not run'}")
        self.stdout.write(f"Data: {status.home}")
        if status.kept:
            self.stdout.write("They run until `manage.py services stop`.")
