"""What became of a decision, as apps report it: a small state machine over its ledger row, under the person's lock.

reserved → exposed → rendered → clicked or dismissed (the last three in the treated arm alone), or reserved → released,
or reserved → expired by time. Every report may come twice; the first counts and the second is accepted too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from campaigns import metrics
from campaigns.assignment import CONTROL
from campaigns.handles import Handle, HandleError, unseal
from campaigns.models import Campaign, Decision
from campaigns.people import lock_people_behind
from tenants.scope import current_tenant_id


class ReportType(StrEnum):
    EXPOSED = "exposed"
    RENDERED = "rendered"
    CLICKED = "clicked"
    DISMISSED = "dismissed"
    RELEASED = "released"


@dataclass(frozen=True)
class Report:
    """One report as an app sent it; `exposure_id` is the app's own, the same over retries."""

    decision_id: str
    type: ReportType
    exposure_id: str = ""
    occurred_at: datetime | None = None
    button: int | None = None


@dataclass(frozen=True)
class Refusal:
    code: str
    message: str


INVALID = Refusal("invalid_decision", "There is no such decision.")
EXPIRED = Refusal("expired", "The decision has expired: nothing may be drawn.")
RELEASED = Refusal("released", "The decision was released: nothing may be drawn.")
STOPPED = Refusal("campaign_stopped", "The campaign has been stopped: nothing may be drawn.")
ALREADY_EXPOSED = Refusal("already_exposed", "The decision was exposed already, under another exposure_id.")
EXPOSED = Refusal("already_exposed", "The decision was exposed and cannot be released any more.")
NOT_EXPOSED = Refusal("not_exposed", "No exposure with this exposure_id was acknowledged.")
IN_CONTROL = Refusal("control", "The control arm sees nothing.")


def record_reports(reports: Sequence[Report]) -> list[Refusal | None]:
    """Record the reports in their order; for each None, or why it is refused. Needs a tenant scope."""
    handles = [_find_handle(report) for report in reports]
    outcomes: list[Refusal | None] = [INVALID] * len(reports)
    known = [handle for handle in handles if handle is not None]
    if known:
        people, now = lock_people_behind(handle.person_id for handle in known)
        desk = _Desk(people, known, now)
        for index, (report, handle) in enumerate(zip(reports, handles, strict=True)):
            if handle is not None:
                outcomes[index] = desk.take(report, handle)
        desk.store()
    for report, refusal in zip(reports, outcomes, strict=True):
        metrics.REPORTS.labels(type=report.type, outcome=refusal.code if refusal else "accepted").inc()
    return outcomes


def _find_handle(report: Report) -> Handle | None:
    try:
        handle = unseal(report.decision_id)
    except HandleError:
        return None
    return handle if handle.tenant_id == current_tenant_id() else None


class _Desk:
    """The decisions that the reports are about, loaded once and stored once; their people are locked."""

    def __init__(self, people: dict[UUID, UUID], handles: Sequence[Handle], now: datetime) -> None:
        self.now = now
        self.people = people
        rows = Decision.objects.defer("trace").filter(
            person_id__in=set(people.values()), decision_id__in={handle.decision_id for handle in handles}
        )
        self.rows = {(row.person_id, row.decision_id): row for row in rows}
        self.running = {
            campaign.pk
            for campaign in Campaign.objects.filter(
                pk__in={row.campaign_id for row in rows}, status=Campaign.Status.RUNNING
            ).only("ends_at")
            if campaign.ends_at is None or campaign.ends_at > now
        }
        self.changed: dict[UUID, tuple[Decision, set[str]]] = {}

    def take(self, report: Report, handle: Handle) -> Refusal | None:
        person_id = self.people.get(handle.person_id)
        row = self.rows.get((person_id, handle.decision_id)) if person_id is not None else None
        if row is None:
            return INVALID
        steps: dict[ReportType, Callable[[Report, Decision], Refusal | None]] = {
            ReportType.EXPOSED: self._expose,
            ReportType.RELEASED: self._release,
            ReportType.RENDERED: self._follow,
            ReportType.CLICKED: self._follow,
            ReportType.DISMISSED: self._follow,
        }
        return steps[report.type](report, row)

    def store(self) -> None:
        for row, fields in self.changed.values():
            row.save(update_fields=sorted(fields))

    def _expose(self, report: Report, row: Decision) -> Refusal | None:
        if row.exposed_at is not None:
            return None if row.exposure_id == report.exposure_id else ALREADY_EXPOSED
        if row.released_at is not None:
            return RELEASED
        if row.expires_at <= self.now:
            return EXPIRED
        if row.campaign_id not in self.running:
            return STOPPED
        self._set(row, exposed_at=self.now, exposure_id=report.exposure_id)
        return None

    def _release(self, report: Report, row: Decision) -> Refusal | None:
        if row.exposed_at is not None:
            return EXPOSED
        if row.released_at is None:
            self._set(row, released_at=self.now)
        return None

    def _follow(self, report: Report, row: Decision) -> Refusal | None:
        if row.exposed_at is None or row.exposure_id != report.exposure_id:
            return NOT_EXPOSED
        if row.arm == CONTROL:
            return IN_CONTROL
        field = f"{report.type}_at"
        if getattr(row, field) is not None:
            return None
        at = max(row.exposed_at, min(report.occurred_at or self.now, self.now))
        self._set(row, **{field: at})
        if row.rendered_at is None:
            # Whoever used it saw it, though that report was lost or is still on its way.
            self._set(row, rendered_at=at)
        if report.type == ReportType.CLICKED and report.button is not None:
            self._set(row, clicked_button=report.button)
        return None

    def _set(self, row: Decision, **values: object) -> None:
        fields = self.changed.setdefault(row.decision_id, (row, set()))[1]
        for name, value in values.items():
            setattr(row, name, value)
            fields.add(name)
