"""Draining costs a batch the same statements whatever its size."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from segments.definitions import load_definitions
from segments.draining import drain
from tests.campaigns.cast import make_segment
from tests.conftest import Company
from tests.segments.people import does, meet

pytestmark = pytest.mark.django_db(transaction=True)
# The transaction's beginning, the scope, who is touched, their lock; the swap's lock, the tenant with its clock, the
# definitions' version, what is to be evaluated, how it is planned, the evaluation with what it stores, digested; the
# transaction's end.
STATEMENTS = 12


def test_drain__batch_of_any_size__takes_the_same_statements(acme: Company) -> None:
    """Planted bug: `_in_batches` refreshing its people one by one (seen to fail)."""
    for days in range(1, 6):
        make_segment(acme, {"did": "purchased", "within": f"{days}d"})
    with acme.scope():
        load_definitions()  # after a change they are read once a process

    def statements(people: int) -> int:
        with acme.scope():
            for number in range(people):
                who = meet(acme, f"{people}-{number}")
                does(acme, who, "purchased", ago=timedelta(hours=number))
        with CaptureQueriesContext(connection) as captured:
            assert drain(tenant_id=acme.tenant.pk) == people
        return len(captured)

    assert [statements(people) for people in (1, 10, 100)] == [STATEMENTS] * 3
