"""The audit log: every change of what a tenant has defined, with who, what and from where.

Entries are written in the transaction of the change itself: either both happen or neither.
"""

from __future__ import annotations

from typing import Any, TypedDict

from django.db import models
from django.http import HttpRequest
from rest_framework.request import Request

from tenants.addresses import client_address
from tenants.keys import Caller
from tenants.models import APIKey, AuditEntry, User
from tenants.scope import current_tenant_id


class By(TypedDict):
    """Who acts, from where."""

    actor: User | Caller | None
    address: str | None


def record(
    *,
    actor: User | Caller | None,
    action: str,
    obj: models.Model | None = None,
    changes: dict[str, Any] | None = None,
    address: str | None = None,
) -> AuditEntry:
    """Note one change inside the scope; an actor None is the system itself (a command).

    `action` is "entity.verb" ("segment.saved"); `changes` maps a field to [old, new] and must never hold secrets.
    """
    return AuditEntry.objects.create(
        tenant_id=current_tenant_id(),
        user=actor if isinstance(actor, User) else None,
        actor=_name_of(actor),
        action=action,
        object_type=obj._meta.label_lower if obj is not None else "",
        object_id=str(obj.pk)[:100] if obj is not None else "",
        object_name=str(obj)[:255] if obj is not None else "",
        changes=changes or {},
        address=address,
    )


def by(request: HttpRequest | Request) -> By:
    """The actor and address of a page's or an API's request: `record(**by(request), action=…)`."""
    caller = getattr(request, "auth", None)
    if isinstance(caller, Caller):
        return {"actor": caller, "address": client_address(request)}
    user = request.user
    return {"actor": user if isinstance(user, User) else None, "address": client_address(request)}


def difference(*, before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """What differs between two sets of values, as {field: [old, new]}."""
    return {
        name: [before.get(name), after.get(name)]
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    }


def _name_of(actor: User | Caller | None) -> str:
    match actor:
        case User():
            return actor.email
        case Caller():
            key = APIKey.objects.filter(pk=actor.key_id).first()
            return f"key {key.prefix}" if key else "key"
    return "system"
