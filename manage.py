#!/usr/bin/env python
"""Nunchi's command line: `python manage.py help` lists the commands."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

# These do without a database, so they do not start the embedded one.
WITHOUT_DATABASE = {
    "bootstrap_database",
    "check",
    "collectstatic",
    "compilemessages",
    "diffsettings",
    "findstatic",
    "help",
    "makemessages",
    "services",
    "spectacular",
    "startapp",
    "version",
}


def main(arguments: list[str]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        from django.core.management import execute_from_command_line

        from config import embedded
    except ModuleNotFoundError as error:
        sys.exit(
            f"The Python package {error.name} is missing here. Run `make up`, which installs everything into "
            ".venv, or start this with .venv/bin/python."
        )
    try:
        with _services(arguments):
            execute_from_command_line(arguments)
    except embedded.EmbeddedError as error:
        sys.exit(str(error))


def _services(arguments: list[str]) -> AbstractContextManager[Any]:
    from config import embedded

    command = arguments[1] if len(arguments) > 1 else "help"
    if command.startswith("-") or command in WITHOUT_DATABASE or {"-h", "--help"} & set(arguments):
        return nullcontext()
    # Ended by a signal, a process would skip the clean stop that leaving the context brings.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: sys.exit(128 + received))
    return embedded.running()


if __name__ == "__main__":
    main(sys.argv)
