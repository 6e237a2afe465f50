"""Ledger entries and triggers as plain data, for the rules that count and compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class LedgerEntry:
    """What one decision reserved and what became of it; times are aware."""

    decision_id: UUID
    campaign_id: UUID
    trigger_id: str
    variant: str
    arm: str
    propensity: float
    device: str
    session_id: str
    decided_at: datetime
    expires_at: datetime
    exposed_at: datetime | None = None
    released_at: datetime | None = None

    def is_reserved(self, now: datetime) -> bool:
        """Whether its message may still appear: neither exposed nor released, and not yet expired."""
        return self.exposed_at is None and self.released_at is None and self.expires_at > now


@dataclass(frozen=True)
class Trigger:
    """A stored event, or an entry into a segment (then `event_name` is None), that a campaign listens to."""

    id: str
    at: datetime
    expires_at: datetime
    event_name: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    is_from_caller: bool = False
    """The app sent the event, and the caller named it by its message id, which its sender alone knows."""
