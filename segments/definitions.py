"""Saving segments: validation, versions, and which definitions are in force."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection, transaction
from django.db.models import QuerySet

from segments.conditions.compiler import Key, Portion
from segments.conditions.nodes import Node
from segments.conditions.parsing import ConditionError, Problem, parse_condition
from segments.conditions.references import MAX_EXPANDED_PARTS, check_references, dependents_of, resolve, size_of
from segments.conditions.subjects import subjects_of
from segments.models import Recomputation, Segment, SegmentVersion
from tenants.kept import Kept
from tenants.scope import current_tenant_id
from tenants.statements import run

MAX_SEGMENTS = 1000
CONDITIONS_A_STATEMENT = 100


@dataclass(frozen=True)
class Definitions:
    """What membership is evaluated by: reference-free conditions in force, and those still being computed."""

    live: ConditionSet
    pending: ConditionSet

    @cached_property
    def all(self) -> ConditionSet:
        return ConditionSet(self.live | self.pending)

    @cached_property
    def settled(self) -> ConditionSet:
        """Those in force that are not being computed anew."""
        changing = {key.segment_id for key in self.pending}
        return ConditionSet({key: node for key, node in self.live.items() if key.segment_id not in changing})


class ConditionSet(dict[Key, Node]):
    """Conditions that are evaluated together again and again; never changed."""

    @cached_property
    def portions(self) -> list[Portion]:
        return list(_split(self))

    @cached_property
    def by_subject(self) -> dict[str, ConditionSet]:
        """Those that facts about a subject (see events.news) can change."""
        found: dict[str, dict[Key, Node]] = {}
        for key, node in self.items():
            for subject in subjects_of(node):
                found.setdefault(subject, {})[key] = node
        return {subject: ConditionSet(conditions) for subject, conditions in found.items()}

    @cached_property
    def by_key(self) -> dict[Key, ConditionSet]:
        """Each alone."""
        return {key: ConditionSet({key: node}) for key, node in self.items()}


def portions_of(conditions: Mapping[Key, Node]) -> Iterable[Portion]:
    """As many conditions at a time as one statement can take."""
    return conditions.portions if isinstance(conditions, ConditionSet) else _split(conditions)


def _split(conditions: Mapping[Key, Node]) -> Iterator[Portion]:
    portion: dict[Key, Node] = {}
    parts = 0
    for key, node in conditions.items():
        size = size_of(node)
        if portion and (parts + size > MAX_EXPANDED_PARTS or len(portion) >= CONDITIONS_A_STATEMENT):
            yield Portion(portion)
            portion, parts = {}, 0
        portion[key] = node
        parts += size
    if portion:
        yield Portion(portion)


_kept: Kept[Definitions] = Kept()
# A version's condition never changes, and it is made together with a change of its segment's row.
_VERSION = """
    SELECT md5(string_agg(concat(s.id, s.xmin, s.ctid), ',' ORDER BY s.id)) FROM segments_segment s
    WHERE s.tenant_id = %(tenant)b
"""


def load_definitions() -> Definitions:
    """The scope's definitions as they stand; read anew only when one has changed."""
    tenant_id = current_tenant_id()
    ((version,),) = run(_VERSION, {"tenant": tenant_id})
    return _kept.get(tenant_id=tenant_id, version=version or "", load=_read)


def _read() -> Definitions:
    """In one statement; nested segments resolve among live, or among newest ones."""
    rows = SegmentVersion.objects.select_related(None).values_list(
        "segment_id", "version", "condition", "segment__live_version", "segment__version"
    )
    live: dict[UUID, tuple[int, Node]] = {}
    newest: dict[UUID, tuple[int, Node]] = {}
    pending_ids = set()
    for segment_id, version, condition, live_version, newest_version in rows:
        if version == live_version:
            live[segment_id] = (version, _parsed(msgspec.json.encode(condition)))
        if version == newest_version:
            newest[segment_id] = (version, _parsed(msgspec.json.encode(condition)))
            if version != live_version:
                pending_ids.add(segment_id)
    return Definitions(
        live=_resolved(live, live, fallback=newest),
        pending=_resolved({segment_id: newest[segment_id] for segment_id in pending_ids}, newest),
    )


def validate(condition: object, *, own_id: UUID | None = None) -> Node:
    """The reference-free node of a condition as it would be saved; raises ConditionError with every problem."""
    node = parse_condition(condition)
    definitions = _newest_conditions()
    check_references(node, own_id=own_id, definitions=definitions)
    return resolve(node, definitions)


def save_segment(
    *, segment: Segment | None = None, name: str, description: str = "", condition: Any
) -> tuple[Segment, bool]:
    """Create or change a segment; a changed condition is a new version, computed in the background.

    Returns the segment and whether a recomputation is needed: the caller nudges `segments.recompute` on commit.
    Raises ConditionError. Needs a tenant scope.
    """
    if connection.in_atomic_block is False:
        raise transaction.TransactionManagementError("save_segment needs a tenant scope")
    lock_definitions()
    validate(condition, own_id=segment.pk if segment else None)
    if segment is None:
        if Segment.objects.count() >= MAX_SEGMENTS:
            raise ConditionError([Problem("", f"A workspace can have up to {MAX_SEGMENTS:,} segments.")])
        segment = Segment(tenant_id=current_tenant_id(), name=name, description=description, condition=condition)
        segment.save()
        _add_versions([segment])
        return segment, True
    segment = Segment.objects.select_for_update().get(pk=segment.pk)
    changed = segment.condition != condition
    segment.name, segment.description, segment.condition = name, description, condition
    segment.version += changed
    segment.save()
    if changed:
        # What names it changes with it: all of them become new versions and are swapped together.
        dependents = Segment.objects.filter(pk__in=dependents_of(segment.pk, _newest_conditions()))
        _add_versions([segment, *_renewed(dependents)])
    return segment, changed


def renew_all() -> None:
    """Make every segment a new version, because what its condition means has changed."""
    lock_definitions()
    if segments := _renewed(Segment.objects.all()):
        _add_versions(segments)


def _renewed(segments: QuerySet[Segment]) -> list[Segment]:
    renewed = list(segments.select_for_update().order_by("pk"))
    for segment in renewed:
        segment.version += 1
        segment.save(update_fields=["version"])
    return renewed


def delete_segment(*, segment: Segment) -> None:
    """Delete a segment that nothing names; raises ConditionError otherwise."""
    lock_definitions()
    if users := dependents_of(segment.pk, _newest_conditions()):
        names = ", ".join(Segment.objects.filter(pk__in=users).values_list("name", flat=True))
        raise ConditionError([Problem("segment", f"These segments name it: {names}.")])
    hold_definitions()
    with connection.cursor() as cursor:
        for table in ("segments_membership", "segments_membershipchange"):
            cursor.execute(
                f"DELETE FROM {table} WHERE tenant_id = %s AND segment_id = %s", [current_tenant_id(), segment.pk]
            )
    segment.delete()


def _add_versions(segments: Iterable[Segment]) -> None:
    segments = list(segments)
    SegmentVersion.objects.bulk_create(
        SegmentVersion(tenant_id=s.tenant_id, segment=s, version=s.version, condition=s.condition) for s in segments
    )
    # What was stored for versions that were never in force and never will be goes, or it would come due for ever.
    hold_definitions()
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM segments_membership m USING segments_segment s "
            "WHERE m.tenant_id = %s AND s.tenant_id = m.tenant_id "
            "AND s.id = m.segment_id AND s.id = ANY(%s) AND m.version <> s.version "
            "AND m.version IS DISTINCT FROM s.live_version",
            [current_tenant_id(), [segment.pk for segment in segments]],
        )
    # A run under way starts again with the new set of versions.
    standing = Segment.objects.order_by().values_list("pk", "version", "live_version")
    versions = {str(pk): version for pk, version, live in standing if version != live}
    Recomputation.objects.update_or_create(
        tenant_id=current_tenant_id(), defaults={"versions": versions, "cursor": None}
    )


def lock_definitions() -> None:
    """One editor of a tenant's definitions at a time, and none during a swap: before any lock of a segment's row.

    The order is everywhere: editors' lock, the run's row, the swap's lock, segments' rows.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtext('segments.edit'), hashtext(%s))", [str(current_tenant_id())]
        )
    list(Recomputation.objects.select_for_update())


def share_definitions() -> None:
    """Hold off a swap of versions until this transaction ends: it evaluates both sides or neither."""
    _lock_swap("pg_advisory_xact_lock_shared")


def hold_definitions() -> None:
    """Wait for whoever evaluates people, and let nobody begin: what they stored stands, what comes sees the change."""
    _lock_swap("pg_advisory_xact_lock")


def _lock_swap(function: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(hashtext('segments.swap'), hashtext(%s))", [str(current_tenant_id())])


def _newest_conditions() -> dict[UUID, Node]:
    return {
        pk: _parsed(msgspec.json.encode(condition))
        for pk, condition in Segment.objects.order_by().values_list("pk", "condition")
    }


def _resolved(
    wanted: dict[UUID, tuple[int, Node]],
    definitions: dict[UUID, tuple[int, Node]],
    fallback: dict[UUID, tuple[int, Node]] | None = None,
) -> ConditionSet:
    nodes = {segment_id: node for segment_id, (_, node) in ((fallback or {}) | definitions).items()}
    return ConditionSet(
        {Key(segment_id, version): resolve(node, nodes) for segment_id, (version, node) in wanted.items()}
    )


@lru_cache(maxsize=4096)
def _parsed(condition: bytes) -> Node:
    """Parsing is pure, so a definition is parsed once a process."""
    return parse_condition(msgspec.json.decode(condition))
