from __future__ import annotations

import pytest
from django.test import RequestFactory

from tenants.audit import by, difference, record
from tenants.keys import find_caller
from tenants.models import APIKey, AuditEntry
from tenants.scope import OutsideTenantScope
from tests.conftest import Company

pytestmark = pytest.mark.django_db


def test_record__by_a_user__keeps_who_what_and_where(scoped: Company, rf: RequestFactory) -> None:
    request = rf.get("/", REMOTE_ADDR="2001:db8::1")
    request.user = scoped.users["marketer"]
    key = APIKey.objects.first()

    entry = record(**by(request), action="api_key.seen", obj=key, changes={"name": [None, "x"]})

    entry.refresh_from_db()
    assert (entry.actor, entry.user_id) == ("marketer@acme.example", scoped.users["marketer"].pk)
    assert (entry.object_type, entry.object_id) == ("tenants.apikey", str(key.pk))
    assert entry.address == "2001:db8::1"


def test_record__by_a_key__names_its_prefix_alone(scoped: Company) -> None:
    caller = find_caller(scoped.server_key)

    entry = record(actor=caller, action="segment.saved")

    assert entry.actor == f"key {scoped.server_key[:8]}"


def test_record__outside_a_scope__raises(db: None) -> None:
    with pytest.raises(OutsideTenantScope):
        record(actor=None, action="x")


def test_record__in_a_transaction_that_fails__is_undone_with_the_change(acme: Company) -> None:
    with pytest.raises(ZeroDivisionError), acme.scope():
        record(actor=None, action="x")
        raise ZeroDivisionError

    with acme.scope():
        assert not AuditEntry.objects.exists()


def test_difference__of_two_states__holds_what_changed() -> None:
    assert difference(before={"a": 1, "b": 2}, after={"a": 1, "b": 3, "c": 4}) == {"b": [2, 3], "c": [None, 4]}
