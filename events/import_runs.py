"""How far imports have come: kept after every batch, so that one that was interrupted goes on where it stopped.

What lies before a run's position is dealt with. When the process dies between storing a batch and noting it, the batch
comes again, and its message ids keep it from being stored twice.
"""

from __future__ import annotations

from uuid import UUID

from django.db.models.functions import Now

from events.import_rows import Position, RowFile
from events.mapping import RowMapping
from events.models import ImportRun
from tenants.scope import tenant_scope

_COUNTERS = ("rows", "stored", "duplicates", "rejected")


class ImportConflict(RuntimeError):
    """Another process goes on with the same import."""


def position_of(run: ImportRun) -> Position:
    """Up to where the run has come."""
    return Position(run.bytes, run.digest, run.line)


def open_run(*, tenant_id: UUID, mapping: RowMapping, file: RowFile, file_name: str, restart: bool) -> ImportRun:
    """The run that came farthest in this content, or a new one, which is not saved yet; `restart` forgets what ran."""
    with tenant_scope(tenant_id):
        runs = list(ImportRun.objects.filter(mapping=mapping.digest))
    matching = set(file.matching({position_of(run) for run in runs}))
    runs = [run for run in runs if position_of(run) in matching]
    if restart:
        with tenant_scope(tenant_id):
            ImportRun.objects.filter(pk__in=[run.pk for run in runs]).delete()
        runs = []
    start = Position()
    fresh = ImportRun(
        tenant_id=tenant_id, mapping=mapping.digest, bytes=start.bytes, digest=start.digest, line=start.line
    )
    run = max(runs, key=lambda run: run.line, default=fresh)
    run.file_name = file_name
    return run


def note_progress(run: ImportRun, *, position: Position, is_finished: bool) -> None:
    """Keep where the run is now, with its counters, in a transaction of its own; raises ImportConflict."""
    if not position.line:
        return
    changes = {
        "file_name": run.file_name,
        "bytes": position.bytes,
        "digest": position.digest,
        "line": position.line,
        **{name: getattr(run, name) for name in _COUNTERS},
        "updated_at": Now(),
        "finished_at": Now() if is_finished else None,
    }
    with tenant_scope(run.tenant_id):
        if run._state.adding:
            run.save(force_insert=True)
        here = ImportRun.objects.filter(pk=run.pk, bytes=run.bytes, line=run.line)
        if not here.update(**changes):
            raise ImportConflict("Another process goes on with the same import: this one has stopped.")
    run.bytes, run.digest, run.line = position.bytes, position.digest, position.line
