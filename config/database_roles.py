"""The two database roles: an owner, who migrates, and the application, which row-level security binds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

OLDEST_POSTGRES = 15

_OWNER_ATTRIBUTES = {"rolcanlogin": True, "rolcreatedb": True, "rolsuper": False, "rolbypassrls": False}
_APPLICATION_ATTRIBUTES = {
    "rolcanlogin": True,
    "rolsuper": False,
    "rolbypassrls": False,
    "rolcreatedb": False,
    "rolcreaterole": False,
    "rolreplication": False,
}
_KEYWORDS: dict[str, tuple[LiteralString, LiteralString]] = {
    "rolcanlogin": ("LOGIN", "NOLOGIN"),
    "rolsuper": ("SUPERUSER", "NOSUPERUSER"),
    "rolbypassrls": ("BYPASSRLS", "NOBYPASSRLS"),
    "rolcreatedb": ("CREATEDB", "NOCREATEDB"),
    "rolcreaterole": ("CREATEROLE", "NOCREATEROLE"),
    "rolreplication": ("REPLICATION", "NOREPLICATION"),
}


class BootstrapError(Exception):
    """The roles or the database cannot be made as asked; the message says why."""


@dataclass(frozen=True)
class _Login:
    role: str
    password: str
    database: str

    @classmethod
    def of(cls, url: str, *, whose: str) -> _Login:
        try:
            parts = conninfo_to_dict(url)
        except psycopg.ProgrammingError as error:
            raise BootstrapError(f"The URL of {whose} cannot be read: {error}.") from error
        login = cls(*(str(parts.get(key) or "") for key in ("user", "password", "dbname")))
        for value, name in (
            (login.role, "a user"),
            (login.password, "a password"),
            (login.database, "a database"),
        ):
            if not value:
                raise BootstrapError(f"The URL of {whose} must name {name}.")
        return login


def bootstrap(*, admin_url: str, owner_url: str, app_url: str) -> None:
    """Make the roles and the database that the two URLs name, or correct them; running it again changes
    nothing.

    `admin_url` belongs to a superuser, or to a role with CREATEROLE and CREATEDB. Existing data are not
    touched. Raises BootstrapError.
    """
    owner, app = _Login.of(owner_url, whose="the owner"), _Login.of(app_url, whose="the application")
    if owner.role == app.role:
        raise BootstrapError(
            f"Owner and application are both {owner.role}: they must be two roles, since an owner is not "
            "bound by row-level security."
        )
    if owner.database != app.database:
        raise BootstrapError(f"The owner's URL names the database {owner.database}, the application's {app.database}.")

    with _connect(admin_url, whose="the administrator") as admin:
        if admin.info.user in (owner.role, app.role):
            raise BootstrapError(f"The administrator must be another role than {admin.info.user}.")
        if admin.info.server_version < OLDEST_POSTGRES * 10_000:
            raise BootstrapError(
                f"Postgres {OLDEST_POSTGRES} or newer is needed; this is {admin.info.server_version // 10_000}."
            )
        try:
            _ensure_role(admin, owner, _OWNER_ATTRIBUTES)
            _ensure_role(admin, app, _APPLICATION_ATTRIBUTES)
            _refuse_memberships(admin, app.role)
            _ensure_database(admin, owner)
        except psycopg.Error as error:
            raise BootstrapError(f"The administrator could not make roles and database: {error}") from error

    with _connect(owner_url, whose="the owner") as connection:
        restrict_database(connection, app_role=app.role)
    with _connect(app_url, whose="the application"):
        pass


def restrict_database(connection: psycopg.Connection[Any], *, app_role: str) -> None:
    """In the connection's database, let the application connect and use the schema, and everybody else
    nothing.

    Needs the database's owner. Tables are granted one by one by the migrations; there are no default
    privileges, because they would reach the leaf partitions, where no policy holds.
    """
    database, app = sql.Identifier(connection.info.dbname), sql.Identifier(app_role)
    for statement in (
        sql.SQL("REVOKE ALL ON DATABASE {database} FROM PUBLIC"),
        sql.SQL("REVOKE ALL ON SCHEMA public FROM PUBLIC"),
        sql.SQL("REVOKE ALL ON DATABASE {database} FROM {app}"),
        sql.SQL("REVOKE ALL ON SCHEMA public FROM {app}"),
        sql.SQL("GRANT CONNECT ON DATABASE {database} TO {app}"),
        sql.SQL("GRANT USAGE ON SCHEMA public TO {app}"),
    ):
        connection.execute(statement.format(database=database, app=app))


def _connect(url: str, *, whose: str) -> psycopg.Connection[Any]:
    try:
        return psycopg.connect(url, autocommit=True, connect_timeout=10)
    except psycopg.Error as error:
        raise BootstrapError(f"Cannot connect as {whose}: {error}") from error


def _ensure_role(admin: psycopg.Connection[Any], login: _Login, wanted: dict[str, bool]) -> None:
    role = sql.Identifier(login.role)
    columns = sql.SQL(", ").join(map(sql.Identifier, wanted))
    query = sql.SQL("SELECT {} FROM pg_roles WHERE rolname = %s").format(columns)
    found = admin.execute(query, [login.role]).fetchone()
    if found is None:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
        found = admin.execute(query, [login.role]).fetchone()
        assert found is not None
    # Only what differs: naming SUPERUSER or BYPASSRLS at all takes a superuser, whom hosted Postgres does
    # not give.
    for (attribute, value), current in zip(wanted.items(), found, strict=True):
        if value != current:
            keyword = _KEYWORDS[attribute][0 if value else 1]
            admin.execute(sql.SQL("ALTER ROLE {} {}").format(role, sql.SQL(keyword)))
    # Sent as the digest that the server keeps, so that no log of statements can hold the password.
    digest = admin.pgconn.encrypt_password(login.password.encode(), login.role.encode(), b"scram-sha-256").decode()
    admin.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, sql.Literal(digest)))


def _refuse_memberships(admin: psycopg.Connection[Any], app_role: str) -> None:
    """Through a membership (the owner; pg_read_all_data) the application would read past the policies."""
    rows = admin.execute(
        """
        SELECT granted.rolname FROM pg_auth_members AS membership
        JOIN pg_roles AS granted ON granted.oid = membership.roleid
        JOIN pg_roles AS member ON member.oid = membership.member
        WHERE member.rolname = %s ORDER BY granted.rolname
        """,
        [app_role],
    ).fetchall()
    if rows:
        names = ", ".join(name for (name,) in rows)
        raise BootstrapError(
            f"{app_role} is a member of {names}, and could pass by row-level security that way. "
            f"Revoke that first: REVOKE {names} FROM {app_role}."
        )


def _ensure_database(admin: psycopg.Connection[Any], owner: _Login) -> None:
    database, role = sql.Identifier(owner.database), sql.Identifier(owner.role)
    found = admin.execute(
        "SELECT pg_encoding_to_char(encoding), pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s",
        [owner.database],
    ).fetchone()
    if found is not None and found[0] != "UTF8":
        raise BootstrapError(f"The database {owner.database} has the encoding {found[0]}; UTF8 is needed.")
    if found is not None and found[1] == owner.role:
        return
    is_superuser = admin.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    if is_superuser != (True,):
        admin.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(role))
    if found is not None:
        admin.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, role))
        return
    # The builtin provider sorts alike on every machine and after every upgrade of its C library.
    locale = (
        sql.SQL("LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'")
        if admin.info.server_version >= 170_000
        else sql.SQL("")
    )
    admin.execute(
        sql.SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8' {} TEMPLATE template0").format(database, role, locale)
    )
