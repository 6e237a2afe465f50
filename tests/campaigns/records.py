"""Ledger entries and candidates for tests of the pure rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from campaigns.choice import Candidate
from campaigns.records import LedgerEntry, Trigger

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CAMPAIGN = UUID(int=1)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def exposed(ago: float, **fields: Any) -> LedgerEntry:
    """Exposed so many seconds ago, an instant after it was decided."""
    at = NOW - seconds(ago)
    return entry(decided_at=at - seconds(1), expires_at=at + seconds(299), exposed_at=at, **fields)


def reserved(expires_in: float, **fields: Any) -> LedgerEntry:
    return entry(expires_at=NOW + seconds(expires_in), **fields)


def entry(**fields: Any) -> LedgerEntry:
    values: dict[str, Any] = {
        "decision_id": uuid4(), "campaign_id": CAMPAIGN, "trigger_id": str(uuid4()), "variant": "a", "arm": "treatment",
        "propensity": 0.9, "device": "phone", "session_id": "s1", "decided_at": NOW - seconds(1),
        "expires_at": NOW + seconds(299),
    }  # fmt: skip
    return LedgerEntry(**(values | fields))


def trigger(ago: float = 1, life: float = 60) -> Trigger:
    at = NOW - seconds(ago)
    return Trigger(id=str(uuid4()), at=at, expires_at=at + seconds(life), event_name="added_to_cart")


def candidate(number: int = 1, **fields: Any) -> Candidate:
    values: dict[str, Any] = {
        "campaign_id": UUID(int=number), "name": f"Campaign {number}", "priority": 50,
        "created_at": NOW - timedelta(days=10) + seconds(number), "trigger": trigger(),
    }  # fmt: skip
    return Candidate(**(values | fields))
