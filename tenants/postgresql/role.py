"""The refusing check: no process works as a role that row-level security does not bind."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql.base import DatabaseWrapper

_BYPASSES = """
    SELECT EXISTS (SELECT FROM pg_roles WHERE (rolsuper OR rolbypassrls) AND pg_has_role(current_user, oid, 'MEMBER'))
        OR EXISTS (SELECT FROM pg_class WHERE relrowsecurity AND pg_has_role(current_user, relowner, 'MEMBER'))
"""


def refuse_bypassing_role(connection: DatabaseWrapper) -> None:
    """Raise ImproperlyConfigured when the connection's role could read past the policies."""
    with connection.connection.cursor() as cursor:
        bypasses = cursor.execute(_BYPASSES).fetchone()[0]
    if bypasses:
        role = connection.settings_dict["USER"]
        connection.connection.close()
        raise ImproperlyConfigured(
            f"The database role “{role}” is, or may become, a superuser, a role with BYPASSRLS or the owner of the "
            "tables, so tenants would not be isolated. Set DATABASE_URL to the application role "
            "(manage.py bootstrap_database makes one) and DATABASE_OWNER_URL to the owner."
        )
