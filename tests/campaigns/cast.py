"""An app of Acme's, and campaigns for it to show."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.test import Client

from campaigns.definitions import save_campaign, save_policy
from campaigns.models import Campaign, Decision
from events.models import person_id_for
from segments.definitions import save_segment
from segments.models import Segment
from segments.recomputation import advance_recomputation
from tests.conftest import Company

MESSAGE = {
    "template": "modal",
    "title": "Hi {{ traits.first_name | default: 'there' }}",
    "body": "You left {{ event.properties.product }} behind.",
    "buttons": [{"label": "Look", "action": "link", "url": "/cart"}, {"label": "Later", "action": "dismiss"}],
}


def make_campaign(company: Company, **changes: Any) -> Campaign:
    """A running campaign without control that listens to `added_to_cart`."""
    values: dict[str, Any] = {
        "name": f"Campaign {uuid4().hex[:8]}",
        "status": "running",
        "trigger": {"on": "event", "event": "added_to_cart"},
        "message": MESSAGE,
        "goal": {"event": "purchased", "within": "3d"},
        "control_share": 0,
    }
    with company.scope():
        return save_campaign(changes=values | changes)


def set_policy(company: Company, *, caps: Any = (), gap_seconds: int = 0) -> None:
    with company.scope():
        save_policy(caps=list(caps), gap_seconds=gap_seconds)


def make_segment(company: Company, condition: Any, *, computed: bool = True) -> Segment:
    """A segment, by default in force."""
    with company.scope():
        segment, _ = save_segment(name=f"Segment {uuid4().hex[:8]}", condition=condition)
    while computed and advance_recomputation(tenant_id=company.tenant.pk):
        pass
    return segment


def set_public(company: Company, *names: str) -> None:
    with company.scope():
        company.tenant.public_traits = list(names)
        company.tenant.save(update_fields=["public_traits"])


@dataclass
class Device:
    """An installation of the app: it sends events, asks, and reports, with the write key."""

    company: Company
    anonymous_id: str | None = field(default_factory=lambda: str(uuid4()))
    user_id: str | None = None
    session_id: str | None = None
    http: Client = field(default_factory=Client)

    @property
    def ids(self) -> dict[str, Any]:
        return {"anonymousId": self.anonymous_id, "userId": self.user_id}

    @property
    def person_id(self) -> UUID:
        kind, text = ("user_id", self.user_id) if self.user_id else ("anonymous_id", self.anonymous_id)
        return person_id_for(tenant_id=self.company.tenant.pk, kind=kind, identifier=str(text))

    def track(self, event: str, *, ago: float = 0, server: bool = False, **properties: Any) -> str:
        """Send an event that happened so many seconds ago; returns its message id."""
        now = datetime.now(UTC)
        item = {
            "type": "track",
            "event": event,
            "messageId": str(uuid4()),
            "timestamp": (now - timedelta(seconds=ago)).isoformat(),
            "properties": properties,
            **self.ids,
        }
        self.send([item], server=server)
        return str(item["messageId"])

    def identify(self, **traits: Any) -> None:
        self.send([{"type": "identify", "traits": traits, **self.ids}])

    def send(self, items: list[dict[str, Any]], *, server: bool = False) -> None:
        body = {"batch": items, "sentAt": datetime.now(UTC).isoformat()}
        auth = self.company.server_auth if server else self.company.write_auth
        response = self.http.post("/v1/batch", body, content_type="application/json", **auth)
        assert response.json() == {"success": True}, response.content

    def ask(self, *, server: bool = False, **body: Any) -> dict[str, Any]:
        """The whole answer of /v1/decide."""
        auth = self.company.server_auth if server else self.company.write_auth
        question = {**self.ids, "sessionId": self.session_id, **body}
        response = self.http.post("/v1/decide", question, content_type="application/json", **auth)
        assert response.status_code == 200, response.content
        return dict(response.json())

    def decide(self, **body: Any) -> dict[str, Any] | None:
        decision = self.ask(**body)["decision"]
        assert decision is None or isinstance(decision, dict)
        return decision

    def report(self, decision: dict[str, Any], kind: str, *, exposure_id: str = "e1", **fields: Any) -> dict[str, Any]:
        """The result of one report."""
        return self.report_all(
            {"decision_id": decision["decision_id"], "type": kind, "exposure_id": exposure_id, **fields}
        )[0]

    def report_all(self, *reports: dict[str, Any]) -> list[dict[str, Any]]:
        response = self.http.post(
            "/v1/reports", {"reports": list(reports)}, content_type="application/json", **self.company.write_auth
        )
        assert response.status_code == 200, response.content
        return list(response.json()["results"])

    def see(self, **body: Any) -> dict[str, Any]:
        """Decide and expose."""
        decision = self.decide(**body)
        assert decision is not None
        assert self.report(decision, "exposed") == {"accepted": True}
        return decision

    def rows(self) -> list[Decision]:
        """The person's ledger, oldest first; needs a scope."""
        return list(Decision.objects.filter(person_id=self.person_id).order_by("decided_at"))


def age_ledger(company: Company, **shift: float) -> None:
    """Let time pass for every decision."""
    from django.db.models import F

    past = timedelta(**shift)
    with company.scope():
        Decision.objects.update(
            decided_at=F("decided_at") - past, expires_at=F("expires_at") - past, exposed_at=F("exposed_at") - past
        )
