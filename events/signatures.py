"""Proving user ids: where the tenant wants it, an app's items whose userId its server did not vouch for are refused."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from events.items import Item, find_names
from events.parsing import Rejection
from tenants.identity import is_signature_valid


def refuse_unsigned(*, tenant_id: UUID, items: Sequence[Item]) -> tuple[Sequence[Item], list[Rejection]]:
    """The items of a write key that may be kept where user ids must be signed, and the refusals of the others."""
    verdicts: dict[tuple[str, str | None], bool] = {}
    kept: list[Item] = []
    refusals: list[Rejection] = []
    for item in items:
        if item.user_id is None:
            kept.append(item)
            continue
        claim = (item.user_id, item.signature)
        if claim not in verdicts:
            verdicts[claim] = _is_proved(tenant_id, *claim)
        if verdicts[claim]:
            kept.append(item)
        else:
            refusals.append(_refusal(item))
    return kept, refusals


def _is_proved(tenant_id: UUID, user_id: str, signature: str | None) -> bool:
    return signature is not None and is_signature_valid(tenant_id=tenant_id, user_id=user_id, signature=signature)


def _refusal(item: Item) -> Rejection:
    return Rejection(
        index=item.index,
        code="signature_required",
        message="This workspace takes signed user ids alone: send context.userIdSignature, the signature of userId.",
        raw=item.raw,
        names=find_names(item),
    )
