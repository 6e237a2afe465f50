"""What is sent: items as the browser SDK and as server libraries write them, in batches that are ready to go."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec

from benchmarks.base import CATEGORIES, NAMES, Workspace
from benchmarks.client import post
from benchmarks.people import draw_busy, wire_ids

PATH = "/v1/batch"
NEWCOMERS = 0.02
Item = dict[str, Any]
_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


@dataclass(frozen=True)
class Batch:
    """A request, and the message ids in it."""

    request: bytes
    message_ids: tuple[str, ...]


def batch_of(workspace: Workspace, items: Sequence[Item]) -> Batch:
    body = msgspec.json.encode({"batch": items})
    return Batch(post(PATH, body, key=workspace.write_key), tuple(item["messageId"] for item in items))


def batches(
    dice: random.Random, workspace: Workspace, *, count: int, size: int, make: Callable[..., Item]
) -> list[Batch]:
    """So many batches of busy people's events, which happened in the last minutes."""
    now = datetime.now(UTC)
    return [
        batch_of(
            workspace,
            [
                make(dice, draw_ids(dice, workspace), at=now - timedelta(seconds=dice.random() * 300))
                for _ in range(size)
            ],
        )
        for _ in range(count)
    ]


def draw_ids(dice: random.Random, workspace: Workspace) -> dict[str, str]:
    """Somebody of the tenant by how much they do, now and then somebody new."""
    if dice.random() < NEWCOMERS:
        return {"anonymousId": str(uuid4())}
    return wire_ids(draw_busy(dice, workspace.people))


def app_item(dice: random.Random, ids: dict[str, str], *, at: datetime, name: str = "") -> Item:
    """What the browser SDK sends: about 900 bytes, most of them context."""
    properties = _properties(dice)
    path = f"/{properties['category']}/{properties['product_id']}"
    context = {
        "page": {"path": path, "url": f"https://shop.example{path}", "referrer": "", "title": "Shop", "search": ""},
        "locale": "en-GB",
        "userAgent": _AGENT,
        "screen": {"width": 1920, "height": 1080, "density": 1},
        "timezone": "Europe/London",
        "library": {"name": "nunchi-web", "version": "0.1.0"},
        "sessionId": str(uuid4()),
    }
    return _item(dice, ids, at, name, properties) | {"context": context}


def server_item(dice: random.Random, ids: dict[str, str], *, at: datetime, name: str = "") -> Item:
    """What a server library sends: about 400 bytes."""
    return _item(dice, ids, at, name, _properties(dice)) | {
        "context": {"library": {"name": "analytics-python", "version": "2.3.4"}},
        "integrations": {},
    }


def _item(dice: random.Random, ids: dict[str, str], at: datetime, name: str, properties: Item) -> Item:
    return {
        "type": "track",
        "event": name or dice.choices(list(NAMES), list(NAMES.values()))[0],
        "messageId": str(uuid4()),
        "timestamp": at.isoformat(),
        "properties": properties,
        **ids,
    }


def _properties(dice: random.Random) -> Item:
    return {
        "product_id": f"p{int(dice.random() ** 2 * 2000)}",
        "category": dice.choice(CATEGORIES),
        "price": 5 + int(dice.random() ** 2 * 200),
        "cart_id": f"c{dice.randrange(1_000_000)}",
    }


def message_ids_of(sent: Sequence[Batch]) -> Iterator[str]:
    for batch in sent:
        yield from batch.message_ids
