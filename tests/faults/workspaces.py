"""What the tenants of a run have: segments, campaigns and limits, made through the REST API as their servers would."""

from __future__ import annotations

import base64
import json
import urllib.request
from dataclasses import dataclass
from typing import Any

from tests.faults.installation import Installation

CART_SECONDS = 3
MESSAGE = {"template": "modal", "title": "Hi", "body": "Something for you.", "buttons": []}
GOAL = {"event": "purchased", "within": "1h"}


@dataclass(frozen=True)
class Workspace:
    """A tenant, its keys, its segments and campaigns by name."""

    tenant: str
    write_key: str
    server_key: str
    gap_seconds: int
    segments: dict[str, str]
    campaigns: dict[str, str]


# All of them move while a run lasts: by what people do, by time, by traits, and by one another.
def segments(known: dict[str, str]) -> dict[str, Any]:
    return {
        "buyers": buyers(2),
        "cart": {
            "did": "added_to_cart",
            "then_not": {"did": "purchased", "same": ["cart_id"]},
            "after": f"{CART_SECONDS}s",
            "for": "24h",
        },
        "lately": {"did": ["page", "searched"], "count": {"op": ">=", "value": 2}, "within": "15s"},
        "level": {"trait": "level", "op": ">=", "value": 50},
        "nested": {
            "all": [
                {"segment": known.get("buyers", "")},
                {"any": [{"not": {"segment": known.get("cart", "")}}, {"segment": known.get("level", "")}]},
            ]
        },
    }


def buyers(count: int) -> dict[str, Any]:
    return {"did": "purchased", "count": {"op": ">=", "value": count}, "within": "30d"}


def campaigns(known: dict[str, str]) -> dict[str, Any]:
    """Rolling, lifetime and session caps; events and entries; an audience; both arms."""
    common = {"message": MESSAGE, "goal": GOAL, "message_life_seconds": 20}
    event = {"on": "event", "event": "added_to_cart"}
    entry = {"on": "segment_entry", "segment": known["cart"]}
    caps = [[{"limit": 1, "window": "20s"}, {"limit": 6, "window": "lifetime"}], [{"limit": 2, "window": "1m"}]]
    return {
        "carts": {**common, "trigger": event, "caps": caps[0], "control_share": 0.3, "priority": 60},
        "left": {**common, "trigger": entry, "caps": caps[1], "control_share": 0.5, "priority": 80},
        "pages": {
            **common,
            "trigger": {"on": "event", "event": "page"},
            "audience": known["buyers"],
            "caps": [{"limit": 1, "window": "session"}],
            "control_share": 0.2,
        },
    }


def policy(gap_seconds: int) -> dict[str, Any]:
    return {"caps": [{"limit": 4, "window": "1m"}], "gap_seconds": gap_seconds}


def furnish(installation: Installation, name: str, *, gap_seconds: int) -> Workspace:
    """Give a tenant its segments and campaigns. Without a gap several messages may be reserved at once."""
    tenant = installation.tenants[name]
    rest = Rest(installation.url, tenant["server_key"])
    known: dict[str, str] = {}
    for segment in segments(known):
        answer = rest.call("POST", "segments", {"name": segment, "condition": segments(known)[segment]})
        known[segment] = answer["id"]
    rest.call("PUT", "message-policy", policy(gap_seconds))
    running = {}
    for campaign, values in campaigns(known).items():
        running[campaign] = rest.call("POST", "campaigns", {"name": campaign, **values})["id"]
        rest.call("POST", f"campaigns/{running[campaign]}/start", {})
    return Workspace(**tenant, gap_seconds=gap_seconds, segments=known, campaigns=running)


class Rest:
    """The REST API with a server key; errors are raised."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self.headers = {
            "Authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode(),
            "Content-Type": "application/json",
        }

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        request = urllib.request.Request(
            f"{self.url}/api/v1/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers=self.headers,
        )
        with urllib.request.urlopen(request, timeout=20) as response:
            return dict(json.loads(response.read()))
