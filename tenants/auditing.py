"""What every audit gives back, and the audit of isolation: two roles look at the same rows.

The owner, whom no policy binds, tells what there is; the application's role then tries to get at what is not its own.
Nothing is written: what should be refused is tried in a transaction that is rolled back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from django.apps import apps
from django.db import DatabaseError, connection, transaction
from django.db.backends.utils import CursorWrapper

from tenants.isolation import TenantIsolation
from tenants.scope import tenant_scope

_REFUSED = "42501"


@dataclass(frozen=True)
class Finding:
    """Something that is not as it must be: so many of it, one of them named by its ids."""

    code: str
    count: int
    text: str
    example: str | None = None


@dataclass(frozen=True)
class Account:
    """What an audit counted, and what it found wrong: possible findings that count nothing are none."""

    figures: Mapping[str, int | float]
    possible: Sequence[Finding]

    @property
    def findings(self) -> list[Finding]:
        return [finding for finding in self.possible if finding.count]


@dataclass(frozen=True)
class Kind:
    """A kind of wrong row: the SQL predicate that finds it, and what it is in words."""

    predicate: str
    text: str


def tallies(kinds: Mapping[str, Kind], *, example: str) -> str:
    """The columns of a SELECT that count each kind, and name one row of it by the least value of `example`."""
    return ", ".join(
        f"count(*) FILTER (WHERE {kind.predicate}) AS {name}, "
        f"min(({example})::text) FILTER (WHERE {kind.predicate}) AS {name}_example"
        for name, kind in kinds.items()
    )


def findings_in(row: Mapping[str, Any], *, room: str, kinds: Mapping[str, Kind]) -> list[Finding]:
    """What the columns of `tallies` say."""
    return [Finding(f"{room}.{name}", row[name], kind.text, row[f"{name}_example"]) for name, kind in kinds.items()]


def fetch_rows(cursor: CursorWrapper) -> list[dict[str, Any]]:
    """The rows of the last statement by their columns' names."""
    names = [column.name for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@contextmanager
def snapshot(tenant_id: UUID | None = None) -> Iterator[CursorWrapper]:
    """A read-only transaction whose statements all see the same instant and may take their time.

    In the tenant's scope, or outside any.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute("SET LOCAL work_mem = '128MB'")
        if tenant_id is None:
            yield cursor
        else:
            with tenant_scope(tenant_id):
                yield cursor


@dataclass(frozen=True)
class Table:
    """A tenant's table, and the column that says whose a row is; `time_column` where it is partitioned by one."""

    name: str
    column: str
    time_column: str | None


@dataclass(frozen=True)
class Truth:
    """What the owner sees: tenants, their tables, rows by table and tenant, leaf partitions, tables without policy."""

    tenants: dict[UUID, str]
    tables: list[Table]
    rows: dict[str, dict[UUID, int]]
    leaves: list[str]
    unprotected: list[str]


def read_truth() -> Truth:
    """Look as the owner: inside `connection.as_owner()`."""
    with snapshot() as cursor:
        cursor.execute("SELECT id, name FROM tenants_tenant ORDER BY created_at, id")
        tenants = dict(cursor.fetchall())
        cursor.execute(_TIME_COLUMNS)
        time_columns = dict(cursor.fetchall())
        tables = [
            Table(model._meta.db_table, constraint.column, time_columns.get(model._meta.db_table))
            for model in apps.get_models()
            for constraint in model._meta.constraints
            if isinstance(constraint, TenantIsolation)
        ]
        rows = {}
        for table in tables:
            cursor.execute(f"SELECT {table.column}, count(*) FROM {table.name} GROUP BY 1")
            rows[table.name] = dict(cursor.fetchall())
        cursor.execute(_LEAVES)
        leaves = [name for (name,) in cursor.fetchall()]
        cursor.execute(_UNPROTECTED, [connection.settings_dict["USER"]])
        return Truth(tenants, tables, rows, leaves, [name for (name,) in cursor.fetchall()])


def audit_isolation(*, truth: Truth, tenant_ids: Sequence[UUID], tell: Callable[[int], object]) -> Account:
    """As the application's role, in each of these tenants' scopes and outside any: nothing of others is reached."""
    probe = _Probe(truth)
    with snapshot() as cursor:
        for table in truth.tables:
            probe.look(cursor, table, scope=None)
    for tenant_id in tenant_ids:
        with snapshot(tenant_id) as cursor:
            for table in truth.tables:
                probe.look(cursor, table, scope=tenant_id)
        for table in truth.tables:
            probe.write(table, scope=tenant_id)
        for leaf in truth.leaves:
            probe.read_leaf(leaf, scope=tenant_id)
        tell(1)
    findings = [
        Finding("isolation.no_policy", 1, "a table of tenants whose policy does not bind the application's role", name)
        for name in truth.unprotected
    ]
    figures = {
        "tenants_probed": len(tenant_ids),
        "tables": len(truth.tables),
        "leaf_partitions": len(truth.leaves),
        "rows_of_others": probe.hidden,
        "writes_refused": probe.refused,
    }
    return Account(figures, findings + probe.findings)


class _Probe:
    """Tries what must not succeed, and counts."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.findings: list[Finding] = []
        self.hidden = 0
        self.refused = 0

    def look(self, cursor: CursorWrapper, table: Table, *, scope: UUID | None) -> None:
        """Without any filter: nothing may be seen but what is the scope's."""
        cursor.execute(f"SELECT count(*) FILTER (WHERE {table.column} IS DISTINCT FROM %s) FROM {table.name}", [scope])
        (foreign,) = cursor.fetchone()
        if foreign:
            where = f"in the scope of {scope}" if scope else "outside any scope"
            self.findings.append(Finding("isolation.read", foreign, f"rows of others seen {where}", table.name))
        if scope:
            self.hidden += sum(count for owner, count in self.truth.rows[table.name].items() if owner != scope)

    def write(self, table: Table, *, scope: UUID) -> None:
        """A row for somebody else, which the policy refuses before anything else can be wrong with it."""
        other = next((tenant_id for tenant_id in self.truth.tenants if tenant_id != scope), uuid4())
        columns, values = [table.column], ["%(other)s::uuid"]
        if table.time_column:
            columns, values = [*columns, table.time_column], [*values, "now()"]
        statement = f"INSERT INTO {table.name} ({', '.join(columns)}) SELECT {', '.join(values)}"
        if outcome := self._outcome(statement, scope=scope, values={"other": other}):
            text = f"a row for another tenant was not refused in the scope of {scope} ({outcome})"
            self.findings.append(Finding("isolation.write", 1, text, table.name))

    def read_leaf(self, leaf: str, *, scope: UUID) -> None:
        """A partition has no policy of its own, so nobody may read it directly."""
        if outcome := self._outcome(f"SELECT FROM {leaf} LIMIT 1", scope=scope, values={}):
            self.findings.append(Finding("isolation.leaf", 1, f"a partition could be read directly ({outcome})", leaf))

    def _outcome(self, statement: str, *, scope: UUID, values: dict[str, UUID]) -> str:
        """What happened instead of a refusal; empty: it was refused."""
        try:
            with tenant_scope(scope), connection.cursor() as cursor:
                cursor.execute(statement, values)
                transaction.set_rollback(True)
        except DatabaseError as error:
            code = getattr(error.__cause__, "sqlstate", None)
            if code == _REFUSED:
                self.refused += 1
                return ""
            return re.sub(r"\s+", " ", str(error))[:200]
        return "it succeeded"


_LEAVES = """
SELECT i.inhrelid::regclass::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE c.relkind = 'r' AND c.relispartition ORDER BY 1
"""
_TIME_COLUMNS = """
SELECT p.partrelid::regclass::text, a.attname FROM pg_partitioned_table p
JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
WHERE a.atttypid = 'timestamptz'::regtype
"""
# Tables with a tenant's column, found in the catalogue rather than among the models.
_UNPROTECTED = """
SELECT c.oid::regclass::text FROM pg_class c
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace
  AND (c.relname = 'tenants_tenant' OR EXISTS (
      SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped))
  AND NOT (c.relrowsecurity AND EXISTS (
      SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polcmd = '*' AND p.polpermissive
        AND p.polqual IS NOT NULL AND p.polwithcheck IS NOT NULL
        AND p.polroles = ARRAY[(SELECT oid FROM pg_roles WHERE rolname = %s)]))
ORDER BY 1
"""
