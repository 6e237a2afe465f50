"""The log of items that could not be kept, for the tenant's developers; bounded.

Who is erased goes from it too, by the ids that the items name: of an item that names nobody, no text is kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from uuid import UUID

from events.models import person_id_for
from events.parsing import Rejection
from tenants.statements import run

KEPT_CHARACTERS = 2_000
KEPT_A_REQUEST = 100
KEPT_A_TENANT = 5_000
_PRUNE_EVERY = 100
_SECRET = re.compile(r'"(writeKey|userIdSignature)"\s*:\s*"[^"]*"?')


def log_rejections(*, tenant_id: UUID, rejections: Sequence[Rejection]) -> None:
    """Keep the first of a request's rejections; now and then drop the tenant's oldest. Needs the tenant's scope."""
    if not rejections:
        return
    kept = rejections[:KEPT_A_REQUEST]
    ids = run(
        "INSERT INTO events_rejecteditem (tenant_id, code, message, item, person_ids) "
        "SELECT %(tenant)b, r.code, r.message, r.item, string_to_array(r.people, ',')::uuid[] "
        "FROM unnest(%(codes)b::text[], %(messages)b::text[], %(items)b::text[], %(people)b::text[]) "
        "AS r(code, message, item, people) "
        "RETURNING id",
        {
            "tenant": tenant_id,
            "codes": [rejection.code for rejection in kept],
            "messages": [rejection.message.replace("\x00", "")[:500] for rejection in kept],
            "items": [excerpt(rejection.raw) if rejection.names else "" for rejection in kept],
            # An array of arrays would have to be rectangular.
            "people": [",".join(_people(tenant_id, rejection)) for rejection in kept],
        },
    )
    if any(row[0] % _PRUNE_EVERY == 0 for row in ids):
        run(
            "DELETE FROM events_rejecteditem WHERE tenant_id = %(tenant)b AND id < (SELECT id FROM events_rejecteditem "
            "WHERE tenant_id = %(tenant)b ORDER BY at DESC, id DESC OFFSET %(kept)b LIMIT 1)",
            {"tenant": tenant_id, "kept": KEPT_A_TENANT},
        )


def forget_people(*, tenant_id: UUID, person_ids: Sequence[UUID]) -> None:
    """Leave no rejected item that names one of these. Needs the tenant's scope."""
    run(
        "DELETE FROM events_rejecteditem WHERE tenant_id = %(tenant)b AND person_ids && %(people)b::uuid[]",
        {"tenant": tenant_id, "people": list(person_ids)},
    )


def _people(tenant_id: UUID, rejection: Rejection) -> list[str]:
    return [str(person_id_for(tenant_id=tenant_id, kind=kind, identifier=text)) for kind, text in rejection.names]


def excerpt(raw: bytes) -> str:
    """The beginning of an item as it came, without secrets."""
    text = raw[: 2 * KEPT_CHARACTERS].decode(errors="replace").replace("\x00", "")
    return _SECRET.sub(r'"\1":"…"', text)[:KEPT_CHARACTERS]
