"""Row-level security by itself: what raw SQL of the application role can and cannot do."""

from __future__ import annotations

import uuid

import psycopg
import pytest
from django.db import DatabaseError, ProgrammingError, connection, transaction

from tenants.models import AuditEntry, Member
from tests.conftest import Company
from tests.tenants.owner import owner_cursor

pytestmark = pytest.mark.django_db(transaction=True)


def execute(sql: str, *params: object) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall() if cursor.description else []


def test_select__a_forgotten_filter__sees_the_own_tenant_alone(acme: Company, globex: Company) -> None:
    with acme.scope():
        assert execute("SELECT DISTINCT tenant_id FROM tenants_member") == [(acme.tenant.pk,)]
        assert execute("SELECT id FROM tenants_tenant") == [(acme.tenant.pk,)]


def test_select__a_setting_that_was_reset__reads_as_empty(acme: Company) -> None:
    with acme.scope():
        pass

    assert execute("SELECT current_setting('nunchi.tenant_id', true)") == [("",)]
    assert execute("SELECT * FROM tenants_member") == []


def test_insert__for_another_tenant__is_refused(acme: Company, globex: Company) -> None:
    with acme.scope(), pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        AuditEntry.objects.create(tenant=globex.tenant, actor="x", action="x")


def test_update__to_another_tenant__is_refused(acme: Company, globex: Company) -> None:
    with acme.scope(), pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        execute("UPDATE tenants_member SET tenant_id = %s", globex.tenant.pk)


def test_update_and_delete__of_another_tenants_rows__touch_nothing(acme: Company, globex: Company) -> None:
    with acme.scope():
        execute("UPDATE tenants_member SET role = 'owner' WHERE tenant_id = %s", globex.tenant.pk)
        execute("DELETE FROM tenants_apikey WHERE tenant_id = %s", globex.tenant.pk)

    with globex.scope():
        assert Member.objects.filter(role="owner").count() == 1
        assert execute("SELECT count(*) FROM tenants_apikey") == [(2,)]


@pytest.mark.parametrize(
    "sql",
    [
        "TRUNCATE tenants_member",
        "TRUNCATE events_event",
        "UPDATE tenants_auditentry SET actor = 'nobody'",
        "DELETE FROM tenants_auditentry",
        "ALTER TABLE tenants_member DISABLE ROW LEVEL SECURITY",
        "DROP POLICY member_isolation ON tenants_member",
        "CREATE POLICY open ON tenants_member TO PUBLIC USING (true)",
        "SET ROLE {owner}",
        "GRANT {owner} TO CURRENT_USER",
        "CREATE TABLE mine (id int)",
        "UPDATE django_migrations SET name = name",
    ],
)
def test_statement__that_would_get_around_the_policies__is_refused(acme: Company, sql: str) -> None:
    owner = connection.ops.quote_name(connection.settings_dict["OWNER"]["user"])

    with acme.scope(), pytest.raises(DatabaseError, match=r"permission denied|must be owner"), transaction.atomic():
        execute(sql.format(owner=owner))


def test_leaf_partition__read_or_written_directly__is_refused(acme: Company) -> None:
    with owner_cursor() as cursor:
        leaves = cursor.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = inhrelid WHERE c.relkind = 'r'"
        ).fetchall()

    assert len(leaves) >= 4
    for (leaf,) in leaves:
        for statement in (f"SELECT * FROM {leaf}", f"DELETE FROM {leaf}"):
            with acme.scope(), pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                execute(statement)


def test_audit_entry__changed_through_the_models__is_refused(acme: Company) -> None:
    with acme.scope():
        entry = AuditEntry.objects.create(tenant=acme.tenant, actor="a", action="b")
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            entry.delete()
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            AuditEntry.objects.update(actor="c")


def test_policies__of_every_table_with_a_tenant_column__bind_the_application_role_alone() -> None:
    with owner_cursor() as cursor:
        unprotected = cursor.execute(
            """
            SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
            WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT a.attisdropped
              AND c.relnamespace = 'public'::regnamespace
              AND NOT (c.relrowsecurity AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid))
            """
        ).fetchall()
        loose = cursor.execute(
            "SELECT polname FROM pg_policy WHERE polroles <> ARRAY[(SELECT oid FROM pg_roles WHERE rolname = %s)]"
            " OR polwithcheck IS NULL OR polqual IS NULL",
            [connection.settings_dict["USER"]],
        ).fetchall()
        forced = cursor.execute("SELECT relname FROM pg_class WHERE relforcerowsecurity").fetchall()

    assert unprotected == []
    assert loose == []
    assert forced == []


def test_lookup_functions__anybody_but_the_application_role__may_not_call_them() -> None:
    with owner_cursor() as cursor:
        functions = cursor.execute(
            "SELECT p.oid::regprocedure::text, proacl::text, proconfig FROM pg_proc p"
            " WHERE prosecdef AND pronamespace = 'public'::regnamespace"
        ).fetchall()
        stranger = f"stranger_{uuid.uuid4().hex[:8]}"
        callable_by_strangers = []
        with cursor.connection.transaction(force_rollback=True):
            try:
                cursor.execute(f"CREATE ROLE {stranger}")
            except psycopg.errors.InsufficientPrivilege:
                stranger = ""
            if stranger:
                callable_by_strangers = [
                    name
                    for name, _, _ in functions
                    if cursor.execute("SELECT has_function_privilege(%s, %s, 'EXECUTE')", [stranger, name]).fetchone()[
                        0
                    ]
                ]

    names = {name.split("(")[0] for name, _, _ in functions}
    assert {"api_key_lookup", "user_tenants", "events_make_partitions", "tenants_with_work"} <= names
    assert callable_by_strangers == []
    app = connection.settings_dict["USER"]
    for name, acl, config in functions:
        assert f"{app}=X/" in acl, name
        assert "{=X/" not in acl, f"{name} may be called by PUBLIC"
        assert ",=X/" not in acl, f"{name} may be called by PUBLIC"
        assert config == ["search_path=public, pg_temp"], name
