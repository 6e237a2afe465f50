"""The demo's story, played through HTTP alone: a cart that is not bought, a message in time, an honest count."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from campaigns.assignment import CONTROL, TREATMENT, position_of
from config.demo.client import Client, ClientError
from config.demo.definitions import CART_CONTROL_SHARE, WINDOW_SECONDS
from config.demo.products import PRODUCTS
from config.demo.record import Record
from events.models import person_id_for

LATEST_SECONDS = 45
"""How long after the cart the message may take before something is broken; it takes a little over the window."""


class CheckError(Exception):
    """A step of the story did not come out; the message says which and how."""


@dataclass
class Visitor:
    """Somebody in the shop whose arm the published hash tells beforehand."""

    anonymous_id: str
    arm: str
    ask_at: float = 0.0
    decision: dict[str, Any] | None = None
    added_at: float = 0.0


def play_story(*, url: str, record: Record, tell: Callable[[str], Any]) -> None:
    """Play the story against a running demo; raises CheckError."""
    try:
        _Story(Client(url), record, tell).play()
    except ClientError as error:
        raise CheckError(str(error)) from error


class _Story:
    def __init__(self, client: Client, record: Record, tell: Callable[[str], Any]) -> None:
        self.client, self.record, self.tell = client, record, tell
        self.campaign = record.campaigns["cart"]

    def play(self) -> None:
        self._shop_is_served()
        before = self._report()
        treated, control = self._visitor(TREATMENT), self._visitor(CONTROL)
        for visitor in (treated, control):
            self._put_in_cart(visitor)
        for visitor in (treated, control):
            self._await_decision(visitor)
        self._see(treated)
        self._see_nothing(control)
        self._buy(treated)
        self._is_counted(before)
        self._marketer_sees_it()

    def _shop_is_served(self) -> None:
        page = self.client.page("/demo/shop/")
        if self.record.write_key not in page:
            raise CheckError("The shop page does not carry the demo's write key.")
        if "nunchi" not in self.client.page("/static/sdk/nunchi.js"):
            raise CheckError("The SDK is not served.")
        self.tell("The shop page and the SDK are served.")

    def _visitor(self, arm: str) -> Visitor:
        """The arm is a hash of campaign and person, so a new visitor of either arm can be found without a server."""
        while True:
            anonymous_id = f"check-{secrets.token_hex(8)}"
            person_id = person_id_for(tenant_id=UUID(self.record.tenant), kind="anonymous_id", identifier=anonymous_id)
            position = position_of(campaign_id=UUID(self.campaign), person_id=person_id)
            if (CONTROL if position < CART_CONTROL_SHARE else TREATMENT) == arm:
                return Visitor(anonymous_id, arm)

    def _put_in_cart(self, visitor: Visitor) -> None:
        product = PRODUCTS[0]
        items: list[dict[str, Any]] = [
            {"type": "track", "event": "app_opened"},
            {"type": "identify", "traits": {"cart_product": product.name, "cart_picture": product.id}},
            {
                "type": "track",
                "event": "added_to_cart",
                "properties": {"cart_id": visitor.anonymous_id, **product.as_properties()},
            },
        ]
        self._send(visitor, items)
        visitor.added_at = time.monotonic()
        answer = self._ask(visitor)
        if answer["decision"] is not None:
            raise CheckError("A message was decided before the cart was old enough.")
        wait = answer["next_check_in_ms"]
        if wait is None or wait > WINDOW_SECONDS * 1_000 + 500:
            raise CheckError(f"The server should have asked to be asked again after the window, and said {wait} ms.")
        visitor.ask_at = time.monotonic() + wait / 1_000
        self.tell(f"A visitor put the {product.name} in the cart; the server says: ask again in {wait} ms.")

    def _await_decision(self, visitor: Visitor) -> None:
        while visitor.decision is None:
            time.sleep(max(0.0, visitor.ask_at - time.monotonic()))
            answer = self._ask(visitor)
            visitor.decision = answer["decision"]
            waited = time.monotonic() - visitor.added_at
            if visitor.decision is None and waited > LATEST_SECONDS:
                raise CheckError(f"No decision came within {LATEST_SECONDS} s of the cart.")
            wait = answer["next_check_in_ms"]
            visitor.ask_at = time.monotonic() + (min(wait, 2_000) / 1_000 if wait else 1.0)
        if visitor.decision["arm"] != visitor.arm or visitor.decision["campaign_id"] != self.campaign:
            raise CheckError(f"The decision is not the expected one: {visitor.decision}")
        if PRODUCTS[0].name not in visitor.decision["message"]["body"]:
            raise CheckError("The message does not name what is in the cart.")
        self.tell(f"The decision came {waited:.1f} s after the cart; the visitor is in the {visitor.arm} arm.")

    def _see(self, visitor: Visitor) -> None:
        for kind in ("exposed", "rendered", "clicked"):
            self._tell_server(visitor, kind, expected=None)
        self.tell("The message was acknowledged, drawn and clicked.")

    def _see_nothing(self, visitor: Visitor) -> None:
        self._tell_server(visitor, "exposed", expected=None)
        self._tell_server(visitor, "rendered", expected="control")
        self.tell("The control visitor was counted at the same moment; drawing was refused.")

    def _buy(self, visitor: Visitor) -> None:
        properties = {"cart_id": visitor.anonymous_id, "total": PRODUCTS[0].price}
        self._send(visitor, [{"type": "track", "event": "purchased", "properties": properties}])
        self.tell("The visitor bought.")

    def _is_counted(self, before: dict[str, Any]) -> None:
        after = self._report()
        gained = {
            (arm, number): after[arm][number] - before[arm][number]
            for arm in (TREATMENT, CONTROL)
            for number in ("exposed", "rendered", "clicked", "converted")
        }
        expected = dict.fromkeys(gained, 1) | {(CONTROL, name): 0 for name in ("rendered", "clicked", "converted")}
        # Somebody may be in the shop at the same time: no less than the story is what it must have gained.
        if any(gained[key] < number for key, number in expected.items()):
            raise CheckError(f"The report gained {gained} instead of {expected}.")
        self.tell(
            f"The report counts them: {after['treatment']['exposed']} treated, {after['control']['exposed']} control; "
            f"{after['treatment']['converted']} and {after['control']['converted']} bought."
        )

    def _marketer_sees_it(self) -> None:
        self.client.sign_in(email=self.record.email, password=self.record.password)
        for path in ("/", f"/campaigns/{self.campaign}/", f"/results/{self.campaign}/"):
            page = self.client.page(path)
            if path != "/" and "Still thinking it over?" not in page:
                raise CheckError(f"The page {path} does not show the campaign.")
        self.tell("The marketer signed in and sees the campaign and its result.")

    def _report(self) -> dict[str, Any]:
        return self.client.get(f"/api/v1/campaigns/{self.campaign}/report", key=self.record.server_key)

    def _send(self, visitor: Visitor, items: list[dict[str, Any]]) -> None:
        known = {"anonymousId": visitor.anonymous_id}
        batch = [{**item, **known, "messageId": secrets.token_hex(16)} for item in items]
        answer = self.client.post("/v1/batch", {"batch": batch}, key=self.record.write_key)
        if not answer.get("success") or answer.get("rejected"):
            raise CheckError(f"The events were not taken: {answer}")

    def _ask(self, visitor: Visitor) -> dict[str, Any]:
        return self.client.post(
            "/v1/decide", {"anonymousId": visitor.anonymous_id, "sessionId": "check"}, key=self.record.write_key
        )

    def _tell_server(self, visitor: Visitor, kind: str, *, expected: str | None) -> None:
        assert visitor.decision is not None
        report = {
            "decision_id": visitor.decision["decision_id"],
            "type": kind,
            "exposure_id": f"exposure-{visitor.anonymous_id}",
            **({"button": 0} if kind == "clicked" else {}),
        }
        answer = self.client.post("/v1/reports", {"reports": [report]}, key=self.record.write_key)
        code = None if answer["results"][0]["accepted"] else answer["results"][0]["code"]
        if code != expected:
            raise CheckError(f"The report “{kind}” of the {visitor.arm} arm was answered {answer}.")
