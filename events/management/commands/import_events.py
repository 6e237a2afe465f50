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

from events.importing import ImportFileError, Summary, import_file
from events.mapping import KEPT, MappingError, RowMapping, read_mapping
from tenants.models import Tenant
from tenants.scope import tenant_scope


class Command(BaseCommand):
    help = "Import a CSV or JSONL file. A mapping says what its columns mean; running it again stores nothing twice."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="The file: .csv, .jsonl, .ndjson, or .json with an object a line.")
        kept = ", ".join(sorted(path.stem for path in KEPT.glob("*.*")))
        parser.add_argument("--mapping", required=True, help=f"A mapping file, or one that Nunchi keeps: {kept}.")
        parser.add_argument("--tenant", required=True, type=UUID, help="The id of the tenant.")

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
            try:
                summary = import_file(
                    path=path, mapping=mapping, tenant_id=tenant.pk, now=timezone.now(), advance=bar.update
                )
            except ImportFileError as error:
                raise CommandError(str(error)) from error
        self._tell(summary, tenant)

    def _tell(self, summary: Summary, tenant: Tenant) -> None:
        for line, reason in summary.problems:
            self.stderr.write(f"line {line}: {reason}")
        if summary.rejected > len(summary.problems):
            self.stderr.write(f"… and {summary.rejected - len(summary.problems):,} more.")
        self.stdout.write(
            f"{tenant.name}: {summary.rows:,} rows read, {summary.stored:,} stored, "
            f"{summary.duplicates:,} there already, {summary.rejected:,} not usable."
        )
        if summary.rejected and not summary.stored + summary.duplicates:
            raise CommandError("No row could be used: look at the mapping.")


def _mapping(name: str) -> RowMapping:
    candidates = [Path(name), *(KEPT / f"{name}{suffix}" for suffix in (".toml", ".json"))]
    for path in candidates:
        if path.is_file():
            try:
                return read_mapping(path)
            except MappingError as error:
                raise CommandError(f"{path}: {error}") from error
    raise CommandError(f"There is no mapping {name}.")
