"""`manage.py import_events`: a file of past events, or of profiles, into a tenant."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from tqdm import tqdm

from events.import_errors import ErrorFile
from events.import_rows import ImportFileError
from events.import_runs import ImportConflict
from events.importing import ENDINGS, Watcher, import_file
from events.mapping import KEPT, MappingError, RowMapping, read_mapping
from events.models import ImportRun
from tenants.models import Tenant
from tenants.scope import tenant_scope

TOLD_ROWS = 20


class Command(BaseCommand):
    help = "Import a file. A mapping says what its columns mean; running it again goes on and stores nothing twice."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help=f"The file: {', '.join(ENDINGS)}; text may be compressed.")
        kept = ", ".join(sorted(path.stem for path in KEPT.glob("*.*")))
        parser.add_argument("--mapping", required=True, help=f"A mapping file, or one that Nunchi keeps: {kept}.")
        parser.add_argument("--tenant", required=True, type=UUID, help="The id of the tenant.")
        parser.add_argument("--errors", type=Path, metavar="FILE", help="List all rows that cannot be used, as CSV.")
        parser.add_argument("--restart", action="store_true", help="Read from the beginning, whatever was read before.")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        mapping = _mapping(options["mapping"])
        with tenant_scope(options["tenant"]):
            tenant = Tenant.objects.first()
        if tenant is None:
            raise CommandError(f"There is no tenant {options['tenant']}.")
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        with tqdm(
            total=path.stat().st_size, unit="B", unit_scale=True, desc=path.name, file=sys.stderr, disable=None
        ) as bar:
            watcher = _Teller(bar=bar, command=self, errors=options["errors"] and ErrorFile(options["errors"]))
            try:
                summary = import_file(
                    path=path,
                    mapping=mapping,
                    tenant_id=tenant.pk,
                    now=timezone.now(),
                    watcher=watcher,
                    restart=options["restart"],
                )
            except (ImportFileError, ImportConflict, OSError) as error:
                raise CommandError(str(error)) from error
            except KeyboardInterrupt as error:
                raise CommandError("Stopped. The same command goes on from there.") from error
            watcher.end()
        self.stdout.write(
            f"{tenant.name}: {summary.rows:,} rows read, {summary.stored:,} stored, "
            f"{summary.duplicates:,} there already, {summary.rejected:,} not usable."
        )
        if summary.damage:
            raise CommandError(summary.damage)
        if summary.rejected and not summary.stored + summary.duplicates:
            raise CommandError("No row could be used: look at the mapping.")


class _Teller(Watcher):
    """Shows the progress, tells the first rows that cannot be used, and lists all of them."""

    def __init__(self, *, bar: tqdm[Any], command: BaseCommand, errors: ErrorFile | None) -> None:
        self._bar = bar
        self._command = command
        self._errors = errors
        self._counted = "line"
        self._refused = 0

    def begin(self, *, run: ImportRun, counted: str) -> None:
        self._counted = counted
        if self._errors is not None:
            self._errors.begin(line=run.line)
        if run.rows:
            self._bar.clear()
            self._command.stdout.write(
                f"{run.rows:,} rows were read before: resuming at {counted} {run.line + 1:,}. "
                "With --restart they are read again."
            )

    def advance(self, count: int) -> None:
        self._bar.update(count)

    def refuse(self, *, line: int, reason: str, raw: bytes) -> None:
        self._refused += 1
        if self._refused <= TOLD_ROWS:
            self._bar.clear()
            self._command.stderr.write(f"{self._counted} {line}: {reason}")
        if self._errors is not None:
            self._errors.write(line=line, reason=reason, raw=raw)

    def end(self) -> None:
        if self._refused > TOLD_ROWS:
            self._bar.clear()
            self._command.stderr.write(f"… and {self._refused - TOLD_ROWS:,} more.")


def _mapping(name: str) -> RowMapping:
    candidates = [Path(name), *(KEPT / f"{name}{suffix}" for suffix in (".toml", ".json"))]
    for path in candidates:
        if path.is_file():
            try:
                return read_mapping(path)
            except MappingError as error:
                raise CommandError(f"{path}: {error}") from error
    raise CommandError(f"There is no mapping {name}.")
