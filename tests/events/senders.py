"""Sending to the endpoints as apps do, and looking at what was stored."""

from __future__ import annotations

import gzip
import json
from typing import Any

from django.test import Client

from events.models import Event, Person
from tests.conftest import Company

T0 = "2026-01-05T10:00:00.000Z"


def send(path: str, body: Any, *, auth: dict[str, str] | None = None, **headers: Any) -> Any:
    """POST a body (bytes as they are, anything else as JSON)."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = headers.pop("content_type", "application/json")
    client = Client(raise_request_exception=False)
    return client.post(f"/v1/{path}", content, content_type=kind, **(auth or {}), **headers)


def batch(company: Company, *items: dict[str, Any], server: bool = False, **more: Any) -> Any:
    auth = company.server_auth if server else company.write_auth
    return send("batch", {"batch": list(items), **more}, auth=auth)


def track(event: str = "opened", **fields: Any) -> dict[str, Any]:
    return {"type": "track", "event": event, "timestamp": T0} | fields


def identify(user_id: str, traits: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": user_id, "traits": traits, "timestamp": T0} | fields


def packed(body: Any) -> bytes:
    return gzip.compress(json.dumps(body).encode())


def events_of(company: Company) -> list[Any]:
    with company.scope():
        return list(Event.objects.order_by("occurred_at", "message_id"))


def people_of(company: Company) -> dict[str, Any]:
    """Unmerged people by identifier."""
    with company.scope():
        return {person.identifier: person for person in Person.objects.filter(merged_into=None)}


def aliases_of(company: Company) -> dict[str, Any]:
    with company.scope():
        return {person.identifier: person for person in Person.objects.exclude(merged_into=None)}
