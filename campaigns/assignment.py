"""Which arm a person is in: a salted stable hash, unless the ledger already knows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from campaigns.records import LedgerEntry

VARIANT = "a"
"""Campaigns have one message in this version; the ledger and the wire format are ready for several."""
TREATMENT, CONTROL = "treatment", "control"
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Assignment:
    """Variant, arm, and the probability with which they were drawn."""

    variant: str
    arm: str
    propensity: float


def position_of(*, campaign_id: UUID, person_id: UUID) -> float:
    """The person's place in [0, 1): the first 53 bits of SHA-256 over `<campaign id>:<person id>`."""
    digest = hashlib.sha256(f"{campaign_id}:{person_id}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def assign(*, campaign_id: UUID, person_id: UUID, control_share: float, entries: Iterable[LedgerEntry]) -> Assignment:
    """The person's arm in the campaign, the same on every device.

    Sticky: the earliest exposed entry decides, else the earliest entry, so neither a merge nor another control share
    moves anybody who has been assigned.
    """
    own = [entry for entry in entries if entry.campaign_id == campaign_id]
    if own:
        first = min(own, key=lambda entry: (entry.exposed_at or _NEVER, entry.decided_at, entry.decision_id))
        return Assignment(first.variant, first.arm, first.propensity)
    if position_of(campaign_id=campaign_id, person_id=person_id) < control_share:
        return Assignment(VARIANT, CONTROL, control_share)
    return Assignment(VARIANT, TREATMENT, 1 - control_share)
