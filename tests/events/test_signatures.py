"""Signed user ids in what apps send."""

from __future__ import annotations

from typing import Any

import pytest

from events.models import Receipt, RejectedItem
from tenants.identity import sign_user_id
from tests.conftest import Company
from tests.events.senders import aliases_of, batch, events_of, identify, people_of, send, track

pytestmark = pytest.mark.django_db


@pytest.fixture
def strict(acme: Company) -> Company:
    with acme.scope():
        acme.tenant.signed_ids_required = True
        acme.tenant.save()
    return acme


def proof(company: Company, user_id: str) -> str:
    return sign_user_id(tenant_id=company.tenant.pk, user_id=user_id)


def codes(answer: Any) -> list[tuple[int, str]]:
    assert answer.status_code == 200, answer.content
    return [(item["index"], item["code"]) for item in answer.json().get("rejected", [])]


def test_required__signed_unsigned_and_forged_in_one_batch__keeps_what_is_proved(
    strict: Company, globex: Company
) -> None:
    signature = proof(strict, "u")

    answer = batch(
        strict,
        track("anonymous", anonymousId="a"),
        track("unsigned", userId="u", anonymousId="a", messageId="m"),
        track("in the context", userId="u", context={"userIdSignature": signature}),
        track("beside it", userId="u", userIdSignature=signature.upper()),
        track("of another", userId="v", context={"userIdSignature": signature}),
        track("of another tenant", userId="u", context={"userIdSignature": proof(globex, "u")}),
        track("no text", userId="u", context={"userIdSignature": {"a": [5]}}),
        {"type": "alias", "userId": "u", "previousId": "a"},
        identify("u", {"plan": "pro"}),
    )

    assert codes(answer) == [(index, "signature_required") for index in (1, 4, 5, 6, 7, 8)]
    assert {event.name for event in events_of(strict)} == {"anonymous", "in the context", "beside it"}
    assert set(people_of(strict)) == {"a", "u"}
    assert aliases_of(strict) == {}
    with strict.scope():
        assert RejectedItem.objects.count() == 6


def test_required__sent_again_with_its_signature__is_kept_and_links(strict: Company) -> None:
    item = track(userId="u", anonymousId="a", messageId="m")

    refused = batch(strict, item)
    kept = batch(strict, item, context={"userIdSignature": proof(strict, "u")})

    assert (codes(refused), codes(kept)) == ([(0, "signature_required")], [])
    assert set(aliases_of(strict)) == {"a"}


def test_required__single_item__is_answered_200_and_refused(strict: Company) -> None:
    answer = send("track", track(userId="u"), auth=strict.write_auth)

    assert codes(answer) == [(0, "signature_required")]
    with strict.scope():
        assert not Receipt.objects.exists()


def test_required__server_key__needs_no_signature(strict: Company) -> None:
    assert codes(batch(strict, track(userId="u"), server=True)) == []


def test_not_required__unsigned_or_forged__is_kept(acme: Company) -> None:
    assert codes(batch(acme, track(userId="u"), track(userId="u", context={"userIdSignature": "x"}))) == []


def test_signature__wherever_it_stands__is_stored_nowhere(strict: Company) -> None:
    signature = proof(strict, "u")

    batch(
        strict,
        track(userId="u", context={"userIdSignature": signature, "kept": 1}),
        track("", userId="u", context={"userIdSignature": signature}),
        track("", userId="u", userIdSignature=signature),
        track(userId="v", context={"userIdSignature": signature}),
        track(anonymousId="a"),
        context={"userIdSignature": signature},
    )

    assert [event.context for event in events_of(strict)] == [{"kept": 1}, {}]
    with strict.scope():
        texts = list(RejectedItem.objects.values_list("item", flat=True))
    assert len(texts) == 3
    assert not any(signature in text for text in texts)
