"""The log of items that could not be kept, for the tenant's developers; bounded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from uuid import UUID

from events.parsing import Rejection
from events.statements import run

KEPT_CHARACTERS = 2_000
KEPT_A_REQUEST = 100
KEPT_A_TENANT = 5_000
_PRUNE_EVERY = 100
_KEY = re.compile(r'"writeKey"\s*:\s*"[^"]*"?')


def log_rejections(*, tenant_id: UUID, rejections: Sequence[Rejection]) -> None:
    """Keep the first of a request's rejections; now and then drop the tenant's oldest. Needs the tenant's scope."""
    if not rejections:
        return
    kept = rejections[:KEPT_A_REQUEST]
    ids = run(
        "INSERT INTO events_rejecteditem (tenant_id, code, message, item) "
        "SELECT %(tenant)b, r.code, r.message, r.item "
        "FROM unnest(%(codes)b::text[], %(messages)b::text[], %(items)b::text[]) AS r(code, message, item) "
        "RETURNING id",
        {
            "tenant": tenant_id,
            "codes": [rejection.code for rejection in kept],
            "messages": [rejection.message.replace("\x00", "")[:500] for rejection in kept],
            "items": [excerpt(rejection.raw) for rejection in kept],
        },
    )
    if any(row[0] % _PRUNE_EVERY == 0 for row in ids):
        run(
            "DELETE FROM events_rejecteditem WHERE tenant_id = %(tenant)b AND id < (SELECT id FROM events_rejecteditem "
            "WHERE tenant_id = %(tenant)b ORDER BY at DESC, id DESC OFFSET %(kept)b LIMIT 1)",
            {"tenant": tenant_id, "kept": KEPT_A_TENANT},
        )


def excerpt(raw: bytes) -> str:
    """The beginning of an item as it came, without its key."""
    text = raw[: 2 * KEPT_CHARACTERS].decode(errors="replace").replace("\x00", "")
    return _KEY.sub('"writeKey":"…"', text)[:KEPT_CHARACTERS]
