"""The `decision_id` given out: a signed handle that needs no look-up to be believed; the ledger stays the truth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.core import signing

_SALT = "campaigns.decision"
MAX_LENGTH = 1000


class HandleError(ValueError):
    """This decision_id was not given out by us, or has been changed."""


@dataclass(frozen=True)
class Handle:
    """Which decision, for whom, with what probability, until when."""

    decision_id: UUID
    tenant_id: UUID
    person_id: UUID
    campaign_id: UUID
    variant: str
    arm: str
    propensity: float
    expires_at: datetime


def seal(handle: Handle) -> str:
    """The same text for the same decision, however often it is asked for."""
    return signing.Signer(salt=_SALT).sign_object(
        [
            handle.decision_id.hex,
            handle.tenant_id.hex,
            handle.person_id.hex,
            handle.campaign_id.hex,
            handle.variant,
            handle.arm,
            handle.propensity,
            handle.expires_at.timestamp(),
        ]
    )


def unseal(text: str) -> Handle:
    """The handle of a text; raises HandleError for a forgery."""
    if len(text) > MAX_LENGTH or not text.isascii():
        raise HandleError("This decision_id is not valid.")
    try:
        values = signing.Signer(salt=_SALT).unsign_object(text)
    except signing.BadSignature as error:
        raise HandleError("This decision_id is not valid.") from error
    decision, tenant, person, campaign, variant, arm, propensity, expires_at = values
    return Handle(
        decision_id=UUID(decision),
        tenant_id=UUID(tenant),
        person_id=UUID(person),
        campaign_id=UUID(campaign),
        variant=variant,
        arm=arm,
        propensity=propensity,
        expires_at=datetime.fromtimestamp(expires_at, tz=UTC),
    )
