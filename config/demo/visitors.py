"""Simulated visitors of one campaign: they open the shop, are decided about and report, through the real code.

Whether they buy is drawn from their hidden truth: a message raises it by the person's responsiveness. So the campaign's
result is a true measurement of an invented effect, and the campaign's name says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any
from uuid import UUID

from campaigns.assignment import TREATMENT
from campaigns.decide import Offer, Question, decide
from campaigns.handles import seal
from campaigns.reports import Report, ReportType, record_reports
from config.demo.definitions import SIMULATED_VISIT
from config.demo.generator import Truth
from config.demo.loading import store
from tenants.models import Tenant
from tenants.scope import tenant_scope

VISITORS = 400
_CLICKS = 0.22


def send_visitors(
    *, tenant_id: UUID, truth: Sequence[Truth], seed: int, progress: Callable[[int], Any] = lambda _: None
) -> int:
    """Send simulated visitors once; returns how many were decided about; opens its own scopes."""
    random = Random(seed)  # noqa: S311  (a simulation)
    known = [person for person in truth if person.identifier not in person.anonymous_ids]
    visitors = random.sample(known, min(VISITORS, len(known)))
    new = store(tenant_id=tenant_id, items=[_item(v, SIMULATED_VISIT, "visit", {}) for v in visitors])
    if not new:
        return 0  # an earlier run has sent them
    purchases = []
    exposed = 0
    for done, visitor in enumerate(visitors, start=1):
        with tenant_scope(tenant_id):
            tenant = Tenant.objects.get()
            offer = decide(question=Question(user_id=visitor.identifier), tenant=tenant).offer
            if offer is not None:
                _report(offer, visitor, random)
        if offer is not None:
            exposed += 1
            sees = offer.handle.arm == TREATMENT
            if random.random() < 0.05 + visitor.buy_propensity / 2 + (visitor.responsiveness / 3 if sees else 0):
                purchases.append(_item(visitor, "purchased", "bought", {"total": random.choice((18, 24, 64, 78))}))
        progress(done)
    store(tenant_id=tenant_id, items=purchases)
    return exposed


def _report(offer: Offer, visitor: Truth, random: Random) -> None:
    types = [ReportType.EXPOSED]
    if offer.handle.arm == TREATMENT:
        types += [ReportType.RENDERED, ReportType.CLICKED if random.random() < _CLICKS else ReportType.DISMISSED]
    sealed = seal(offer.handle)
    reports = (
        Report(sealed, kind, f"simulated-{visitor.identifier}", button=0 if kind is ReportType.CLICKED else None)
        for kind in types
    )
    _refuse_none(record_reports(list(reports)))


def _refuse_none(outcomes: Iterable[object]) -> None:
    for refusal in outcomes:
        if refusal is not None:
            raise RuntimeError(f"A simulated report was refused: {refusal}")


def _item(visitor: Truth, event: str, what: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "track",
        "event": event,
        "userId": visitor.identifier,
        "messageId": f"demo-{what}-{visitor.identifier}",
        "properties": {"simulated": True, "cart_id": f"cart-{visitor.identifier}-simulated", **properties},
    }
