"""An anonymous person becomes a known one: they have been a member all along."""

from __future__ import annotations

import pytest

from segments.models import MembershipChange
from tests.campaigns.cast import Device, make_campaign, make_segment, set_policy
from tests.conftest import Company


@pytest.mark.django_db(transaction=True)
def test_segment_entry__person_signs_in_after_the_message__is_not_reached_again(acme: Company) -> None:
    """Planted bug: dropping the memberships in a merge repeated the entry, and with it the message (seen to fail)."""
    set_policy(acme)
    carts = make_segment(acme, {"did": "added_to_cart"})
    make_campaign(
        acme,
        trigger={"on": "segment_entry", "segment": str(carts.pk)},
        trigger_life_seconds=3600,
        message={"template": "modal", "title": "Hi", "body": "Still there?"},
    )
    device = Device(acme)
    device.track("added_to_cart")
    device.see()

    device.user_id = "anna"
    device.identify(plan="pro")

    assert device.decide() is None
    with acme.scope():
        assert [change.entered for change in MembershipChange.objects.all()] == [True]
