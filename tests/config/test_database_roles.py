"""Roles and database, made on a real server under names of the tests' own."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import errors

from config import embedded
from config.database_roles import BootstrapError, bootstrap
from config.embedded.state import State


def url_as(url: str, *, role: str, password: str = "secret", database: str = "roles_test") -> str:
    parts = urlsplit(url)
    host = parts.netloc.rsplit("@", 1)[1]
    return f"{parts.scheme}://{role}:{password}@{host}/{database}"


@pytest.fixture
def admin(servers: embedded.Addresses, state: State) -> Iterator[psycopg.Connection]:
    with psycopg.connect(state.admin_url, autocommit=True) as connection:
        yield connection
        connection.execute("DROP DATABASE IF EXISTS roles_test WITH (FORCE)")
        for role in ("roles_owner", "roles_app", "roles_admin"):
            connection.execute(f"DROP ROLE IF EXISTS {role}")


@pytest.fixture
def urls(admin: psycopg.Connection, state: State) -> dict[str, str]:
    return {
        "admin_url": state.admin_url,
        "owner_url": url_as(state.admin_url, role="roles_owner"),
        "app_url": url_as(state.admin_url, role="roles_app"),
    }


def test_bootstrap__application_role__may_connect_and_nothing_more(
    admin: psycopg.Connection, urls: dict[str, str]
) -> None:
    bootstrap(**urls)

    attributes = admin.execute(
        """
        SELECT rolcanlogin, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication,
               pg_has_role('roles_app', 'roles_owner', 'member')
        FROM pg_roles WHERE rolname = 'roles_app'
        """
    ).fetchone()
    assert attributes == (True, False, False, False, False, False, False)
    with psycopg.connect(urls["app_url"], autocommit=True) as app:
        for statement in ("CREATE TABLE t (a int)", "CREATE TEMP TABLE t (a int)", "CREATE SCHEMA s"):
            with pytest.raises(errors.InsufficientPrivilege):
                app.execute(statement)


def test_bootstrap__owner__makes_tables_that_are_closed_to_the_application(
    admin: psycopg.Connection, urls: dict[str, str]
) -> None:
    bootstrap(**urls)

    with (
        psycopg.connect(urls["owner_url"], autocommit=True) as owner,
        psycopg.connect(urls["app_url"]) as app,
    ):
        owner.execute("CREATE TABLE facts AS SELECT 1 AS a")
        assert owner.execute("SELECT count(*) FROM pg_default_acl").fetchone() == (0,)
        with pytest.raises(errors.InsufficientPrivilege):
            app.execute("SELECT * FROM facts")


def test_bootstrap__owner__can_create_a_test_database_that_the_application_reaches(
    admin: psycopg.Connection, urls: dict[str, str], state: State
) -> None:
    bootstrap(**urls)

    with psycopg.connect(urls["owner_url"], autocommit=True) as owner:
        owner.execute("CREATE DATABASE roles_test_two")
        try:
            psycopg.connect(url_as(state.admin_url, role="roles_app", database="roles_test_two")).close()
        finally:
            owner.execute("DROP DATABASE roles_test_two")


def test_bootstrap__again__keeps_data_and_grants(admin: psycopg.Connection, urls: dict[str, str]) -> None:
    bootstrap(**urls)
    with psycopg.connect(urls["owner_url"]) as owner:
        owner.execute("CREATE TABLE facts AS SELECT 1 AS a")
        owner.execute("GRANT SELECT ON facts TO roles_app")

    bootstrap(**urls)

    with psycopg.connect(urls["app_url"]) as app:
        assert app.execute("SELECT a FROM facts").fetchone() == (1,)


def test_bootstrap__roles_have_drifted__corrects_them(admin: psycopg.Connection, urls: dict[str, str]) -> None:
    bootstrap(**urls)
    admin.execute("ALTER ROLE roles_app SUPERUSER BYPASSRLS CREATEDB PASSWORD 'another'")
    admin.execute("GRANT ALL ON DATABASE roles_test TO PUBLIC")

    bootstrap(**urls)

    with psycopg.connect(urls["app_url"]) as app:
        assert app.execute(
            "SELECT rolsuper, rolbypassrls, rolcreatedb, has_database_privilege(current_database(), 'TEMP') "
            "FROM pg_roles WHERE rolname = current_user"
        ).fetchone() == (False, False, False, False)


def test_bootstrap__administrator_without_superuser__suffices(
    admin: psycopg.Connection, urls: dict[str, str], state: State
) -> None:
    admin.execute("CREATE ROLE roles_admin LOGIN CREATEROLE CREATEDB PASSWORD 'secret'")
    urls["admin_url"] = url_as(state.admin_url, role="roles_admin", database="postgres")

    bootstrap(**urls)
    bootstrap(**urls)

    psycopg.connect(urls["app_url"]).close()
    admin.execute("DROP DATABASE roles_test WITH (FORCE)")
    admin.execute("DROP OWNED BY roles_admin")
    for role in ("roles_owner", "roles_app"):
        admin.execute(f"DROP ROLE {role}")


def test_bootstrap__application_is_a_member_of_a_role__is_refused(
    admin: psycopg.Connection, urls: dict[str, str]
) -> None:
    bootstrap(**urls)
    admin.execute("GRANT pg_read_all_data TO roles_app")

    with pytest.raises(BootstrapError, match="member of pg_read_all_data"):
        bootstrap(**urls)


def test_bootstrap__one_role_for_both__is_refused(urls: dict[str, str]) -> None:
    with pytest.raises(BootstrapError, match="two roles"):
        bootstrap(**urls | {"app_url": urls["owner_url"]})


def test_bootstrap__url_without_password__is_refused(urls: dict[str, str]) -> None:
    with pytest.raises(BootstrapError, match="must name a password"):
        bootstrap(**urls | {"app_url": urls["app_url"].replace(":secret", "")})


def test_bootstrap__database_in_another_encoding__is_refused(admin: psycopg.Connection, urls: dict[str, str]) -> None:
    admin.execute("CREATE DATABASE roles_test ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0")

    with pytest.raises(BootstrapError, match="SQL_ASCII; UTF8 is needed"):
        bootstrap(**urls)


def test_bootstrap__administrator_refused__says_who_could_not_connect(urls: dict[str, str]) -> None:
    with pytest.raises(BootstrapError, match="Cannot connect as the administrator"):
        bootstrap(**urls | {"admin_url": urls["app_url"]})
