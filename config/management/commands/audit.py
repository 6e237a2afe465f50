"""`manage.py audit`: whether everything in this installation is as it must be."""

from __future__ import annotations

import json
import re
import sys
from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from tqdm import tqdm

from config.audit import PEOPLE, AuditError, Extent, audit

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Command(BaseCommand):
    help = (
        "Compare accepted events with stored ones and memberships with recomputation, count caps anew, and probe the "
        "isolation of tenants, changing nothing. Exit code 1: something is wrong; 2: the audit could not be made."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", type=UUID, action="append", default=[], help="Only this one; may be repeated.")
        parser.add_argument(
            "--sample", type=int, default=PEOPLE, help="People of each tenant to evaluate anew. [%(default)s]"
        )
        parser.add_argument("--all", action="store_true", help="Evaluate everybody, and probe every tenant.")
        parser.add_argument(
            "--since", type=_duration, help="Only what was received and decided lately: 90m, 24h, 7d, 4w. [ever]"
        )
        parser.add_argument("--seed", default="", help="Which sample: that of an earlier report. [a new one]")
        parser.add_argument("--json", action="store_true", help="Print JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["sample"] < 0:
            raise CommandError("A sample has no fewer than 0 people.", returncode=2)
        extent = Extent(
            tenant_ids=options["tenant"],
            people=None if options["all"] else options["sample"],
            since=options["since"],
            seed=options["seed"],
        )
        try:
            with _Progress() as progress:
                report = audit(extent=extent, tell=progress)
        except AuditError as error:
            raise CommandError(str(error), returncode=2) from error
        except DatabaseError as error:
            raise CommandError(f"The database did not answer as it should: {error}", returncode=2) from error
        self.stdout.write(json.dumps(report.as_json(), indent=2) if options["json"] else report.as_text())
        if report.findings:
            sys.exit(1)


class _Progress:
    """A bar on a terminal, elsewhere a line for each thing that begins; on stderr, apart from the report."""

    def __init__(self) -> None:
        self.text = ""
        self.bar: tqdm[Any] | None = None

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def __call__(self, text: str, done: int, total: int | None = None) -> None:
        if text != self.text:
            self.__exit__()
            self.text = text
            if sys.stderr.isatty():
                self.bar = tqdm(total=total, desc=text, file=sys.stderr, leave=False)
            else:
                sys.stderr.write(f"{text} …\n")
        if self.bar is not None:
            self.bar.update(done)


def _duration(text: str) -> timedelta:
    match = re.fullmatch(r"(\d{1,6})([mhdw])", text)
    if match is None:
        raise ArgumentTypeError("give a duration such as 90m, 24h, 7d or 4w")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
