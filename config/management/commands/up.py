"""`manage.py up`: everything that one machine needs to serve Nunchi."""

from __future__ import annotations

import os
import sys
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from config import embedded
from config.processes import PortTakenError, serve, standard_programs


class Command(BaseCommand):
    help = "Migrate the database, then run the web server, the workers and the scheduler until stopped."

    def handle(self, *args: Any, **options: Any) -> None:
        if os.geteuid() == 0:
            self.stderr.write("Running as root. That is fine for a try; use an ordinary user in production.")
        with embedded.running(settings.STATE_DIR):
            self.stdout.write("Bringing the database up to date …")
            self.stdout.flush()
            call_command("migrate", interactive=False, verbosity=options["verbosity"])
            try:
                code = serve(programs=standard_programs(), on_ready=self._announce)
            except PortTakenError as error:
                raise CommandError(str(error)) from error
        if code:
            sys.exit(code)

    def _announce(self) -> None:
        self.stdout.write(self.style.SUCCESS(f"Nunchi is ready at {settings.PUBLIC_URL} (Ctrl-C stops it)."))
        self.stdout.flush()
