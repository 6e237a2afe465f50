"""The audits that figures depend on: each passes on what is right and fails on what is planted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from benchmarks import audit, databases
from benchmarks.client import Answer
from benchmarks.figures import AuditFailed
from events.ingestion import ingest
from events.parsing import parse_batch
from segments.draining import drain
from tests.campaigns.cast import make_segment
from tests.conftest import Company

pytestmark = pytest.mark.django_db(transaction=True)
IDS = [f"message-{number}" for number in range(20)]


@pytest.fixture
def filled(acme: Company) -> Company:
    """Acme with a segment in force and twenty digested events, one a person."""
    make_segment(acme, {"did": "purchased", "within": "7d"})
    now = datetime.now(UTC).isoformat()
    items = ", ".join(
        f'{{"type": "track", "event": "purchased", "messageId": "{one}", "userId": "{one}", "timestamp": "{now}"}}'
        for one in IDS
    )
    parsed = parse_batch(f'{{"batch": [{items}]}}'.encode(), max_item_bytes=131_072)
    ingest(tenant_id=acme.tenant.pk, items=parsed.items)
    drain(tenant_id=acme.tenant.pk)
    return acme


def plant(sql: str) -> None:
    with databases.connect_as_owner() as owner:
        owner.execute(sql)


def stored_once(company: Company) -> None:
    audit.stored_once(company.tenant.pk, IDS, since=datetime.now(UTC) - timedelta(minutes=5))


def memberships_exact(company: Company) -> None:
    assert audit.memberships_exact(company.tenant.pk) == len(IDS)


def test_audits__of_what_is_right__pass(filled: Company) -> None:
    stored_once(filled)
    memberships_exact(filled)
    audit.drained(patience_seconds=0)
    audit.all_taken([Answer(0, 1, 200, b"{}")])


@pytest.mark.parametrize(
    "fault",
    [
        "DELETE FROM events_event WHERE message_id = 'message-7'",
        "DELETE FROM events_receipt WHERE ctid = (SELECT min(ctid) FROM events_receipt)",
        "UPDATE events_event SET message_id = 'message-8' WHERE message_id = 'message-7'",
        "INSERT INTO events_event (tenant_id, person_id, name, occurred_at, event_id, message_id, received_at, source,"
        " properties, context) SELECT tenant_id, person_id, name, occurred_at, gen_random_uuid(), message_id,"
        " received_at, source, properties, context FROM events_event WHERE message_id = 'message-7'",
    ],
    ids=["lost", "without receipt", "mistaken", "doubled"],
)
def test_stored_once__fault__is_found(filled: Company, fault: str) -> None:
    plant(fault)

    with pytest.raises(AuditFailed, match="of 20 accepted events"):
        stored_once(filled)


@pytest.mark.parametrize(
    "fault",
    [
        "DELETE FROM segments_membership WHERE ctid = (SELECT min(ctid) FROM segments_membership)",
        "UPDATE segments_membership SET is_member = FALSE WHERE ctid = (SELECT min(ctid) FROM segments_membership)",
        "UPDATE segments_membership SET valid_until = valid_until + interval '1 second'"
        " WHERE ctid = (SELECT min(ctid) FROM segments_membership)",
    ],
    ids=["missing", "wrong", "late"],
)
def test_memberships_exact__fault__is_found(filled: Company, fault: str) -> None:
    plant(fault)

    with pytest.raises(AuditFailed, match="1 stored memberships of 20 people differ"):
        memberships_exact(filled)


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        ("UPDATE events_person SET touched_at = now()", lambda: audit.drained(patience_seconds=0)),
        ("SELECT 1", lambda: audit.all_taken([Answer(0, 1, 200, b"{}"), Answer(0, 1, 503, b"busy")])),
    ],
    ids=["undigested", "refused"],
)
def test_audit__of_the_load__finds_the_fault(filled: Company, fault: str, check: Callable[[], Any]) -> None:
    plant(fault)

    with pytest.raises(AuditFailed):
        check()
