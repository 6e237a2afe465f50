"""Conditions to start from; each is valid as it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from tenants.documents import write_document


@dataclass(frozen=True)
class Example:
    name: str | Promise
    condition: dict[str, Any]

    @property
    def text(self) -> str:
        return write_document(self.condition)


EXAMPLES = (
    Example(_("Liked a product in the last 30 days"), {"did": "product_liked", "within": "30d"}),
    Example(
        _("Filled the cart and did not buy within 10 minutes"),
        {"did": "added_to_cart", "then_not": {"did": "purchased"}, "after": "10m", "for": "24h"},
    ),
    Example(_("Lives in Seoul"), {"trait": "city", "op": "=", "value": "Seoul"}),
    Example(
        _("Spent often, and away for a week"),
        {
            "all": [
                {
                    "did": "purchased",
                    "where": [{"property": "price", "op": ">=", "value": 50}],
                    "count": {"op": ">=", "value": 3},
                    "within": "90d",
                },
                {"not": {"did": "app_opened", "within": "7d"}},
            ]
        },
    ),
)
