"""Who may see what: unsigned, signed and foreign callers of /v1/decide."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns.models import Decision
from tenants.identity import sign_user_id
from tests.campaigns.cast import MESSAGE, Device, make_campaign, set_public
from tests.conftest import Company
from tests.events.senders import send


@pytest.fixture
def private(free: Company) -> Device:
    """A device of a person with a public and a private trait."""
    message = MESSAGE | {"title": "{{ traits.first_name }}|{{ traits.email }}|{{ person.traits.email }}"}
    make_campaign(free, message=message)
    set_public(free, "first_name")
    device = Device(free, user_id="u1")
    device.identify(first_name="Ada", email="ada@example.org")
    return device


def shown(decision: dict[str, Any] | None) -> tuple[str, str]:
    assert decision is not None
    return decision["message"]["title"], decision["message"]["body"]


def test_visibility__unsigned_caller__sees_public_traits_and_its_own_event(private: Device) -> None:
    message_id = private.track("added_to_cart", product="boots")

    assert shown(private.decide(triggers=[message_id])) == ("Ada||", "You left boots behind.")


def test_visibility__unsigned_caller__sees_nothing_of_server_events(private: Device) -> None:
    message_id = private.track("added_to_cart", server=True, product="secret")

    assert shown(private.decide(triggers=[message_id])) == ("Ada||", "You left  behind.")


def test_visibility__stranger_who_knows_the_user_id_alone__sees_nothing_of_the_events(private: Device) -> None:
    """Planted bug: whoever names the user id is taken for the user (seen to fail)."""
    private.track("added_to_cart", product="secret")
    stranger = Device(private.company, user_id="u1")

    assert shown(stranger.decide()) == ("Ada||", "You left  behind.")


def test_visibility__signed_caller__sees_everything(private: Device) -> None:
    private.track("added_to_cart", server=True, product="secret")
    signature = sign_user_id(tenant_id=private.company.tenant.pk, user_id="u1")

    assert shown(private.decide(userIdSignature=signature)) == (
        "Ada|ada@example.org|ada@example.org",
        "You left secret behind.",
    )


def test_visibility__server_key__sees_everything(private: Device) -> None:
    private.track("added_to_cart", server=True, product="secret")

    assert shown(private.decide(server=True))[0] == "Ada|ada@example.org|ada@example.org"


def test_visibility__signature_of_an_unknown_user__does_not_open_the_anonymous_ids_person(private: Device) -> None:
    private.track("added_to_cart")
    signature = sign_user_id(tenant_id=private.company.tenant.pk, user_id="never seen")

    decision = private.decide(userId="never seen", userIdSignature=signature)

    assert shown(decision)[0] == "Ada||"


def refused(device: Device, **body: Any) -> tuple[int, str]:
    response = device.http.post(
        "/v1/decide", {**device.ids, **body}, content_type="application/json", **device.company.write_auth
    )
    return response.status_code, response.json()["code"]


def test_signature__forged__is_refused(private: Device, globex: Company) -> None:
    foreign = sign_user_id(tenant_id=globex.tenant.pk, user_id="u1")
    other = sign_user_id(tenant_id=private.company.tenant.pk, user_id="u2")

    for signature in (foreign, other, "x", 5, "é", "0" * 64):
        assert refused(private, userIdSignature=signature) == (403, "invalid_signature")


def test_signature__required__unsigned_user_ids_are_refused(private: Device) -> None:
    private.track("added_to_cart")
    with private.company.scope():
        private.company.tenant.signed_ids_required = True
        private.company.tenant.save()
    signature = sign_user_id(tenant_id=private.company.tenant.pk, user_id="u1")

    assert refused(private) == (403, "signature_required")
    assert private.decide(userIdSignature=signature) is not None
    assert refused(private, userId=None) == (403, "signature_required")  # the anonymous id leads to the same person
    assert private.decide(server=True) is not None


def test_signature__required__devices_without_a_user_are_answered(private: Device) -> None:
    with private.company.scope():
        private.company.tenant.signed_ids_required = True
        private.company.tenant.save()
    device = Device(private.company)
    device.track("added_to_cart")

    assert device.decide() is not None


def test_signature__required__linking_a_device_to_a_user_needs_it(private: Device) -> None:
    with private.company.scope():
        private.company.tenant.signed_ids_required = True
        private.company.tenant.save()
    evil = Device(private.company)
    claim = {"type": "track", "event": "added_to_cart", "messageId": "m", "userId": "u1"}

    answer = send("batch", {"batch": [claim | {"anonymousId": evil.anonymous_id}]}, auth=private.company.write_auth)
    evil.track("added_to_cart")
    decision = evil.decide()

    assert [item["code"] for item in answer.json()["rejected"]] == ["signature_required"]
    assert shown(decision)[0] == "||"


def test_isolation__globex_asks_with_acmes_ids__gets_nothing(free: Company, globex: Company) -> None:
    make_campaign(free)
    make_campaign(globex)
    device = Device(free, user_id="u1")
    message_id = device.track("added_to_cart")
    stranger = Device(globex, user_id="u1", anonymous_id=device.anonymous_id)

    assert stranger.decide(triggers=[message_id]) is None
    assert stranger.decide() is None
    with globex.scope():
        assert not Decision.objects.exists()
