"""`manage.py demo`: Nunchi with a small shop, simulated people and a running campaign."""

from __future__ import annotations

import os
import socket
import sys
import time
from argparse import ArgumentParser
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from tqdm import tqdm

from config import embedded
from config.demo.check import CheckError, play_story
from config.demo.definitions import CART_CONTROL_SHARE, WINDOW_SECONDS
from config.demo.generator import PEOPLE
from config.demo.record import Record, record_path, write_record
from config.demo.workspace import Step, open_workspace
from config.processes import PortTakenError, serve, standard_programs


class Command(BaseCommand):
    help = "Fill a workspace with a shop's simulated people, and run everything. With --check, try it all out and stop."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="Play the demo's story through HTTP, then stop.")
        parser.add_argument(
            "--people", type=int, default=PEOPLE, help="How many people to simulate in a new workspace. [%(default)s]"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.began = time.monotonic()
        self.is_check: bool = options["check"]
        if not 20 <= options["people"] <= 50_000:
            raise CommandError("Simulate from 20 to 50,000 people.")
        self._prepare_environment()
        with embedded.running(settings.STATE_DIR):
            self._say("Bringing the database up to date …")
            call_command("migrate", interactive=False, verbosity=0)
            with _Progress(self.stderr, is_terminal=sys.stderr.isatty(), say=self._say) as progress:
                record = open_workspace(now=timezone.now(), people=options["people"], tell=progress)
            record = replace(record, url=settings.PUBLIC_URL)
            write_record(record)
            self._say("Starting the web server, the workers and the scheduler …")
            on_ready = self._check if self.is_check else self._announce
            self.record = record
            try:
                code = serve(programs=standard_programs(), on_ready=on_ready)
            except PortTakenError as error:
                raise CommandError(str(error)) from error
        if code:
            sys.exit(code)
        if self.is_check:
            self._say("Everything works, and everything has been stopped.")

    def _prepare_environment(self) -> None:
        """What the processes inherit: the shop's page, quiet logs, and under --check a port that is free."""
        settings.DEMO = True
        os.environ["NUNCHI_DEMO"] = "true"
        os.environ.setdefault("NUNCHI_LOG_LEVEL", "WARNING")
        settings.LOG_LEVEL = os.environ["NUNCHI_LOG_LEVEL"]
        if self.is_check and not _is_free(settings.WEB_HOST, settings.WEB_PORT):
            self._say(f"Port {settings.WEB_PORT} is taken; the check uses another.")
            settings.WEB_PORT = _free_port(settings.WEB_HOST)
            settings.PUBLIC_URL = f"http://{settings.WEB_HOST}:{settings.WEB_PORT}"
            os.environ["NUNCHI_WEB_PORT"] = str(settings.WEB_PORT)
            os.environ["NUNCHI_PUBLIC_URL"] = settings.PUBLIC_URL

    def _announce(self) -> None:
        self._say(_welcome(self.record))

    def _check(self) -> int:
        try:
            play_story(url=_local_url(), record=self.record, tell=self._say)
        except CheckError as error:
            self._say(f"The check failed: {error}")
            return 1
        return 0

    def _say(self, text: str) -> None:
        prefix = f"[{time.monotonic() - self.began:5.1f} s] " if self.is_check else ""
        self.stdout.write(f"{prefix}{text}")
        self.stdout.flush()


class _Progress:
    """Bars on a terminal; elsewhere a line for each thing that is done."""

    def __init__(self, stream: Any, *, is_terminal: bool, say: Any) -> None:
        self.stream, self.is_terminal, self.say = stream, is_terminal, say
        self.bar: tqdm[Any] | None = None
        self.text = ""

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def __call__(self, step: Step) -> None:
        if not self.is_terminal:
            if step.done == step.total:
                self.say(f"Stored {step.total:,} {step.text}.")
            return
        if step.text != self.text:
            if self.bar is not None:
                self.bar.close()
            self.text = step.text
            self.bar = tqdm(total=step.total, desc=step.text, file=sys.stderr)
        if self.bar is not None:
            self.bar.update(step.done - self.bar.n)


def _welcome(record: Record) -> str:
    return f"""
Nunchi's demo is ready. Its shop sells nothing, and its people are simulated.

  The shop           {record.url}/demo/shop/
  The marketer's UI  {record.url}/
      sign in with   {record.email}
      password       {record.password}

Try: put something in the cart and stay on the page. After {WINDOW_SECONDS} seconds a message asks whether you are still
thinking it over; {CART_CONTROL_SHARE:.0%} of visitors see nothing, for an honest comparison. Then look at Results.

Keys and addresses are in {record_path()}. Ctrl-C stops everything.
"""


def _local_url() -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(settings.WEB_HOST, settings.WEB_HOST)  # noqa: S104
    return f"http://{host}:{settings.WEB_PORT}"


def _is_free(host: str, port: int) -> bool:
    try:
        _bind(host, port)
    except OSError:
        return False
    return True


def _free_port(host: str) -> int:
    return _bind(host, 0)


def _bind(host: str, port: int) -> int:
    family = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[0][0]
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        return int(probe.getsockname()[1])
