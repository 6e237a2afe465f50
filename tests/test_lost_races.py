"""Whoever loses a race, or their connection, leaves nothing behind; the second time has the effect of once."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import DatabaseError, InterfaceError
from django.test import Client

from segments.models import Membership
from tests.concurrency import CRASH, DEADLOCK, fail_once, in_thread
from tests.conftest import Company
from tests.isolation.planting import isolation_of
from tests.writers import WRITERS, Somebody, Writer

pytestmark = pytest.mark.django_db(transaction=True)
EVERY = pytest.mark.parametrize("name", sorted(WRITERS.keys() - {"person view"}))


def stored(company: Company) -> dict[str, int]:
    """How many rows the tenant has in each table, and its members."""
    with company.scope():
        counts = {model._meta.label: model.objects.count() for model in apps.get_models() if isolation_of(model)}
        return counts | {"members": Membership.objects.filter(is_member=True).count()}


def prepared(company: Company, writer: Writer) -> Somebody:
    somebody = Somebody(company)
    writer.prepare(somebody)
    return somebody


@EVERY
def test_writer__chosen_as_the_victim_of_a_deadlock__begins_again(
    acme: Company, globex: Company, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted bug: questions and reports answered 503 instead of beginning again (seen to fail)."""
    writer = WRITERS[name]
    undisturbed, victim = prepared(globex, writer), prepared(acme, writer)
    writer.act(undisturbed)
    calls = fail_once(monkeypatch, writer.last_call, DEADLOCK)

    writer.act(victim)

    assert calls() >= 2
    assert stored(acme) == stored(globex)


@EVERY
def test_writer__whose_connection_dies_before_the_commit__leaves_nothing_and_may_try_again(
    acme: Company, globex: Company, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted bug: receipts in a transaction of their own lost the batch; news marked as digested before they were
    evaluated lost the entry (seen to fail)."""
    writer = WRITERS[name]
    undisturbed, victim = prepared(globex, writer), prepared(acme, writer)
    writer.act(undisturbed)
    before = stored(acme)
    fail_once(monkeypatch, writer.last_call, CRASH)

    try:
        in_thread(lambda: writer.act(victim))()
    except (DatabaseError, InterfaceError, AssertionError):
        assert stored(acme) == before
        writer.act(victim)

    assert stored(acme) == stored(globex)


def test_person_view__loses_a_race__says_when_to_ask_again(acme: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = WRITERS["person view"]
    prepared(acme, writer)
    fail_once(monkeypatch, writer.last_call, DEADLOCK)

    first, second = (Client().get("/api/v1/people/user_id/somebody", **acme.server_auth) for _ in range(2))

    assert (first.status_code, first["Retry-After"]) == (503, "1")
    assert second.status_code == 200
