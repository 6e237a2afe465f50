"""What the log of rejected items keeps of people, and what an erasure leaves of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from events.erasure import erase_person
from events.models import RejectedItem, person_id_for
from tests.conftest import Company
from tests.events.senders import batch, identify, send, track

pytestmark = pytest.mark.django_db
BAD: dict[str, Any] = {"type": "track", "event": "", "timestamp": "2026-01-01T00:00:00Z"}


def texts(company: Company) -> list[str]:
    with company.scope():
        return [row.item for row in RejectedItem.objects.order_by("id")]


def erase(company: Company, user_id: str) -> bool:
    tenant_id = company.tenant.pk
    person_id = person_id_for(tenant_id=tenant_id, kind="user_id", identifier=user_id)
    return erase_person(tenant_id=tenant_id, person_id=person_id)


@pytest.mark.parametrize("ascii_only", [True, False])
def test_erasure__of_ids_that_are_spelt_otherwise__finds_them(acme: Company, ascii_only: bool) -> None:
    items = [{**BAD, "userId": "김철수", "properties": {"phone": "010"}}, identify("김철수", {"a": 1})]
    send("batch", json.dumps({"batch": items}, ensure_ascii=ascii_only).encode(), auth=acme.write_auth)
    assert len(texts(acme)) == 1

    assert erase(acme, "김철수")

    assert texts(acme) == []


def test_erasure__of_an_id_that_is_part_of_others__leaves_those(acme: Company, globex: Company) -> None:
    for company in (acme, globex):
        batch(company, {**BAD, "userId": "1"}, {**BAD, "userId": "11"}, {**BAD, "anonymousId": "1"}, identify("1", {}))

    assert erase(acme, "1")

    assert [json.loads(text).get("userId") for text in texts(acme)] == ["11", None]
    assert len(texts(globex)) == 3


def test_erasure__of_a_merged_person__takes_what_their_aliases_named(acme: Company) -> None:
    batch(
        acme,
        track(userId="u", anonymousId="a"),
        {**BAD, "anonymousId": "a"},
        {"type": "alias", "userId": "v", "previousId": "a"},  # refused: a is somebody
        {**BAD, "userId": "v"},
    )
    assert len(texts(acme)) == 3

    assert erase(acme, "u")

    assert [json.loads(text)["userId"] for text in texts(acme)] == ["v"]


def test_item__that_names_nobody_readably__leaves_no_text(acme: Company) -> None:
    answer = batch(
        acme,
        {**BAD, "email": "ann@example.org"},
        {**BAD, "userId": {"email": "ann@example.org"}, "anonymousId": "a"},
        {**BAD, "userId": "ann" * 100},
        ["ann@example.org"],
        {**BAD, "userId": "ann", "properties": {"long": "x" * 140_000}},
    )

    assert [item["code"] for item in answer.json()["rejected"]][-1] == "item_too_large"
    assert [bool(text) for text in texts(acme)] == [False, False, False, False, True]
