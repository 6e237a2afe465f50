"""A decision costs the same statements whatever the number of campaigns and segments."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from segments.draining import drain
from tests.campaigns.cast import Device, make_campaign, make_segment, set_policy
from tests.conftest import Company

pytestmark = pytest.mark.django_db(transaction=True)
# The key; the transaction's beginning, the scope, the person's lock, the version of campaigns and policy, memberships,
# events, entries, ledger; the transaction's end.
WITHOUT_NEWS = 10
# The swap's lock, the tenant with its clock, the definitions' version, what is to be evaluated, how it is planned,
# the evaluation with what it stores, digested; and the offer's row.
WITH_NEWS = WITHOUT_NEWS + 8


def grow(company: Company, count: int) -> None:
    """So many more segments, each with a campaign for events and one for entries."""
    for number in range(count):
        segment = make_segment(company, {"did": "added_to_cart", "within": f"{number + 1}d"})
        make_campaign(company, audience=segment)
        make_campaign(company, audience=segment, trigger={"on": "segment_entry", "segment": str(segment.pk)})


def statements(ask: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as captured:
        ask()
    return len(captured)


def cost(company: Company, *, dirty: bool) -> int:
    """Of one question of a new person who has just put something in the cart, or without that."""
    device = Device(company, anonymous_id=str(uuid4()))
    device.track("help_opened")
    device.ask()  # after a change the campaigns are read once a process
    drain(tenant_id=company.tenant.pk)
    if dirty:
        device.track("added_to_cart")
    return statements(lambda: device.ask())


@pytest.mark.parametrize(("dirty", "expected"), [(False, WITHOUT_NEWS), (True, WITH_NEWS)])
def test_decide__any_number_of_campaigns_and_segments__takes_the_same_statements(
    acme: Company, dirty: bool, expected: int
) -> None:
    """Planted bug: `load_situation` looking for each campaign's events by itself (seen to fail)."""
    set_policy(acme)
    grow(acme, 1)
    few = cost(acme, dirty=dirty)
    grow(acme, 9)

    many = cost(acme, dirty=dirty)

    assert (few, many) == (expected, expected)
