"""The audit of a whole installation: every room's own, tenant by tenant, and one report of them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any, Protocol, cast
from uuid import UUID

from django.db import connection
from django.utils import timezone

from campaigns.auditing import audit_ledger
from events.auditing import audit_events, audit_partitions
from segments.auditing import audit_memberships, audit_work
from tenants.auditing import Account, Finding, Truth, audit_isolation, read_truth
from tenants.postgresql.base import DatabaseWrapper

PEOPLE = 1_000
"""How many people of each tenant are evaluated anew unless more is asked for."""
PROBED = 20
"""In the scopes of how many tenants the isolation is probed unless all are asked for."""


class AuditError(Exception):
    """The audit could not be made; the message says why."""


class Progress(Protocol):
    def __call__(self, text: str, done: int, total: int | None = None) -> object:
        """So much more of what the text names is done, of `total` if that is known."""


@dataclass(frozen=True)
class Extent:
    """How much is looked at. `people` a tenant, None: everybody; `since` bounds events and exposures."""

    tenant_ids: Sequence[UUID] = ()
    people: int | None = PEOPLE
    since: timedelta | None = None
    seed: str = ""

    @property
    def is_whole(self) -> bool:
        return self.people is None


@dataclass(frozen=True)
class Part:
    """What one room found in one tenant; without a tenant, in the installation."""

    room: str
    tenant_id: UUID | None
    account: Account


@dataclass(frozen=True)
class Report:
    """A dated audit."""

    at: datetime
    seconds: float
    seed: str
    tenants: dict[UUID, str]
    parts: list[Part]

    @property
    def findings(self) -> list[tuple[UUID | None, Finding]]:
        return [(part.tenant_id, finding) for part in self.parts for finding in part.account.findings]

    def totals(self) -> dict[str, dict[str, float]]:
        """Each room's figures over all tenants: sums, but of lags and ages the greatest."""
        rooms: dict[str, dict[str, float]] = {}
        for part in self.parts:
            figures = rooms.setdefault(part.room, {})
            for name, value in part.account.figures.items():
                former = figures.get(name, 0)
                figures[name] = max(former, value) if name.endswith("_seconds") else former + value
        return rooms

    def as_json(self) -> dict[str, Any]:
        return {
            "at": self.at.isoformat(),
            "seconds": round(self.seconds, 3),
            "seed": self.seed,
            "ok": not self.findings,
            "totals": self.totals(),
            "tenants": [
                {
                    "id": str(tenant_id),
                    "name": name,
                    "figures": {part.room: part.account.figures for part in self.parts if part.tenant_id == tenant_id},
                }
                for tenant_id, name in self.tenants.items()
            ],
            "findings": [
                {"tenant": str(tenant_id) if tenant_id else None, **asdict(finding)}
                for tenant_id, finding in self.findings
            ],
        }

    def as_text(self) -> str:
        lines = [f"Audit of {self.at:%Y-%m-%d %H:%M:%S} UTC: {len(self.tenants):,} tenants, {self.seconds:.1f} s."]
        for room, figures in self.totals().items():
            lines += ["", room, *(f"  {name.replace('_', ' '):<24}{value:>14,}" for name, value in figures.items())]
        lines += ["", f"WRONG: {len(self.findings)} findings" if self.findings else "Nothing is wrong."]
        for tenant_id, finding in self.findings:
            whose = f" of {self.tenants.get(tenant_id, tenant_id)} ({tenant_id})" if tenant_id else ""
            example = f", such as {finding.example}" if finding.example else ""
            lines.append(f"  {finding.code}{whose}: {finding.count:,} {finding.text}{example}")
        return "\n".join([*lines, "", f"The sample's seed was {self.seed}."])


def audit(*, extent: Extent, tell: Progress) -> Report:
    """Look at everything in the extent, changing nothing. Raises AuditError."""
    began = time.monotonic()
    at = timezone.now()
    seed = extent.seed or secrets.token_hex(4)
    random = Random(seed)  # noqa: S311  (a sample, not a secret)
    truth = _read_truth()
    if unknown := set(extent.tenant_ids) - truth.tenants.keys():
        raise AuditError(f"There is no tenant {min(unknown)}.")
    tenants = {pk: name for pk, name in truth.tenants.items() if pk in extent.tenant_ids or not extent.tenant_ids}
    parts = []
    for tenant_id, name in tenants.items():
        for room, account in _rooms(tenant_id, name, extent, random, tell):
            parts.append(Part(room, tenant_id, account))
    parts.append(Part("partitions", None, audit_partitions()))
    probed = list(tenants) if extent.is_whole else random.sample(list(tenants), min(PROBED, len(tenants)))
    isolation = audit_isolation(truth=truth, tenant_ids=probed, tell=partial(tell, "isolation", total=len(probed)))
    parts.append(Part("isolation", None, isolation))
    return Report(at, time.monotonic() - began, seed, tenants, parts)


def _rooms(tenant_id: UUID, name: str, extent: Extent, random: Random, tell: Progress) -> Iterator[tuple[str, Account]]:
    tell(f"{name}: events", 0)
    yield "events", audit_events(tenant_id=tenant_id, since=extent.since)
    first = UUID(int=0) if extent.is_whole else UUID(int=random.getrandbits(128))
    advance = partial(tell, f"{name}: memberships", total=extent.people)
    advance(0)
    yield "memberships", audit_memberships(tenant_id=tenant_id, first=first, limit=extent.people, tell=advance)
    yield "work", audit_work(tenant_id=tenant_id)
    tell(f"{name}: decisions", 0)
    yield "decisions", audit_ledger(tenant_id=tenant_id, since=extent.since)


def _read_truth() -> Truth:
    database = cast(DatabaseWrapper, connection)
    if database.settings_dict["OWNER"]["user"] in (None, database.application_role):
        raise AuditError(
            "An audit compares two roles: set DATABASE_OWNER_URL to the owner of the tables, beside DATABASE_URL."
        )
    with database.as_owner():
        return read_truth()
