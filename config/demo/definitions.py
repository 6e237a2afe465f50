"""The segments and campaigns of the demo's workspace, as a marketer would write them."""

from __future__ import annotations

from typing import Any

WINDOW_SECONDS = 10
"""How soon a cart counts as left: short, so that nobody has to wait."""
CART_CONTROL_SHARE = 0.2
PUBLIC_TRAITS = ["first_name", "cart_product", "cart_picture"]
SIMULATED_VISIT = "simulated_visit"

SEGMENTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "likers": (
        "Liked a product this month",
        "Liked at least one product in the last 30 days.",
        {"did": "product_liked", "within": "30d"},
    ),
    "cart": (
        "Left something in the cart",
        f"Put something in the cart and did not buy it within {WINDOW_SECONDS} seconds (in a real shop: 10 minutes).",
        {
            "did": "added_to_cart",
            "then_not": {"did": "purchased", "same": ["cart_id"]},
            "after": f"{WINDOW_SECONDS}s",
            "for": "10m",
        },
    ),
    "new_yorkers": ("New Yorkers", "Live in New York.", {"trait": "city", "op": "=", "value": "New York"}),
    "stuck": (
        "Stuck newcomers",
        "Searched in vain three times in two weeks, put nothing in the cart, and never bought.",
        {
            "all": [
                {
                    "did": "search",
                    "where": [{"property": "results", "op": "=", "value": 0}],
                    "count": {"op": ">=", "value": 3},
                    "within": "14d",
                },
                {"not": {"did": "added_to_cart", "within": "14d"}},
                {"not": {"did": "purchased"}},
            ]
        },
    ),
    "loyal": (
        "Loyal buyers",
        "Bought three times or more in the last 60 days.",
        {"did": "purchased", "count": {"op": ">=", "value": 3}, "within": "60d"},
    ),
}


def campaigns(*, segment_ids: dict[str, str]) -> dict[str, dict[str, Any]]:
    """The campaigns by their use; `segment_ids` maps the keys of SEGMENTS to ids."""
    return {
        "cart": {
            "name": "Still thinking it over?",
            "status": "running",
            "trigger": {"on": "segment_entry", "segment": segment_ids["cart"]},
            "trigger_life_seconds": 600,
            "priority": 60,
            "caps": [{"limit": 3, "window": "1d"}],
            "control_share": CART_CONTROL_SHARE,
            "message": {
                "template": "modal",
                "title": "Still thinking it over{% if traits.first_name %}, {{ traits.first_name }}{% endif %}?",
                "body": "The {{ traits.cart_product | default: 'thing you chose' }} is still in your cart. Take your "
                "time: it will be there when you come back.",
                "image_url": "/static/demo/products/{{ traits.cart_picture | default: 'night-box' }}.svg",
                "buttons": [
                    {"label": "Back to my cart", "action": "link", "url": "/demo/shop/#cart"},
                    {"label": "Not now", "action": "dismiss"},
                ],
            },
            "goal": {"event": "purchased", "within": "1h"},
        },
        "help": {
            "name": "Looking for something?",
            "status": "running",
            "trigger": {"on": "segment_entry", "segment": segment_ids["stuck"]},
            "trigger_life_seconds": 600,
            "priority": 80,
            "caps": [{"limit": 1, "window": "1d"}],
            "control_share": CART_CONTROL_SHARE,
            "message": {
                "template": "modal",
                "title": "Looking for something?",
                "body": "The shop is small: everything it has is on this page. A lamp, tea, a throw, paper, incense, a "
                "puzzle, and a box with the best of them.",
                "buttons": [
                    {"label": "Show me everything", "action": "link", "url": "/demo/shop/"},
                    {"label": "I will keep looking", "action": "dismiss"},
                ],
            },
            "goal": {"event": "added_to_cart", "within": "1h"},
        },
        "simulated": {
            "name": "Weekend picks (simulated visitors)",
            "status": "running",
            "trigger": {"on": "event", "event": SIMULATED_VISIT},
            "trigger_life_seconds": 3_600,
            "audience": segment_ids["likers"],
            "priority": 40,
            "caps": [{"limit": 1, "window": "1d"}],
            "control_share": 0.5,
            "message": {
                "template": "modal",
                "title": "Picked for your weekend",
                "body": "Three things that go with what you liked.",
                "buttons": [
                    {"label": "Show me", "action": "link", "url": "/demo/shop/"},
                    {"label": "Not now", "action": "dismiss"},
                ],
            },
            "goal": {"event": "purchased", "within": "1h"},
        },
    }
