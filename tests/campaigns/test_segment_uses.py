"""Segments know which campaigns use them."""

from __future__ import annotations

from campaigns.models import Campaign
from segments.uses import find_uses
from tests.campaigns.cast import make_campaign, make_segment
from tests.conftest import Company


def test_segment_uses__by_campaigns__are_named(scoped: Company) -> None:
    segment = make_segment(scoped, {"did": "liked"})
    make_campaign(scoped, name="By entry", trigger={"on": "segment_entry", "segment": str(segment.pk)})
    make_campaign(scoped, name="By audience", audience=segment)
    make_campaign(scoped, name="Neither")

    assert [use.name for use in find_uses(segment_id=segment.pk)] == ["By audience", "By entry"]


def test_segment_uses__by_campaigns_that_spell_the_id_otherwise__are_named(scoped: Company) -> None:
    segment = make_segment(scoped, {"did": "liked"})
    campaign = make_campaign(
        scoped, name="Shouting", trigger={"on": "segment_entry", "segment": segment.pk.hex.upper()}
    )
    saved = dict(campaign.trigger)
    Campaign.objects.update(trigger={"on": "segment_entry", "segment": f"urn:uuid:{segment.pk}"})

    assert saved == {"on": "segment_entry", "segment": str(segment.pk)}
    assert [use.name for use in find_uses(segment_id=segment.pk)] == ["Shouting"]
