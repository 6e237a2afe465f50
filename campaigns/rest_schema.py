"""The shapes of campaigns and their reports in the REST API; values are judged where campaigns are saved."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_field
from rest_framework import serializers

from campaigns.models import Campaign
from tenants.rest import InstantField, NumberField, StrictSerializer, TextField, WholeField

_EVENTS = {
    "oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
    "description": "An event's name, or several of which any will do.",
}
_WHERE = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"property": {"type": "string"}, "op": {"type": "string"}, "value": {}},
        "required": ["property", "op"],
        "additionalProperties": False,
    },
}


@extend_schema_field(
    {
        "type": "object",
        "properties": {
            "on": {"type": "string", "enum": ["event", "app_open", "segment_entry"]},
            "event": _EVENTS,
            "where": _WHERE,
            "segment": {"type": "string", "format": "uuid"},
        },
        "required": ["on"],
        "additionalProperties": False,
        "example": {"on": "event", "event": "added_to_cart"},
    }
)
class TriggerField(serializers.JSONField):
    """What a campaign listens to."""


@extend_schema_field(
    {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"limit": {"type": "integer", "minimum": 1}, "window": {"type": "string"}},
            "required": ["limit", "window"],
            "additionalProperties": False,
        },
        "example": [{"limit": 1, "window": "1d"}, {"limit": 3, "window": "lifetime"}],
    }
)
class CapsField(serializers.JSONField):
    """At most so many times per window: a duration, `session` or `lifetime`."""


@extend_schema_field(
    {
        "type": "object",
        "properties": {
            "template": {"type": "string", "enum": ["modal"]},
            "title": {"type": "string"},
            "body": {"type": "string"},
            "image_url": {"type": "string", "nullable": True},
            "buttons": {
                "type": "array",
                "maxItems": 2,
                "items": {
                    "type": "object",
                    "properties": {
                        "label": {"type": "string"},
                        "action": {"type": "string", "enum": ["link", "dismiss"]},
                        "url": {"type": "string"},
                    },
                    "required": ["label", "action"],
                    "additionalProperties": False,
                },
            },
        },
        "required": ["template"],
        "additionalProperties": False,
        "example": {
            "template": "modal",
            "title": "Still thinking about it?",
            "body": "Your cart is kept for you, {{ traits.first_name | default: 'friend' }}.",
            "buttons": [{"label": "To the cart", "action": "link", "url": "/cart"}],
        },
    }
)
class MessageField(serializers.JSONField):
    """What is shown; texts are Liquid."""


@extend_schema_field(
    {
        "type": "object",
        "properties": {"event": _EVENTS, "where": _WHERE, "within": {"type": "string"}},
        "required": ["event", "within"],
        "additionalProperties": False,
        "example": {"event": "purchased", "within": "3d"},
    }
)
class GoalField(serializers.JSONField):
    """The event that counts as success, and within how long after the first exposure."""


class CampaignChange(StrictSerializer):
    """What is not named keeps its value."""

    name = TextField(required=False, help_text="Unique in the workspace, up to 100 characters.")
    trigger = TriggerField(required=False)
    trigger_life_seconds = WholeField(required=False, help_text="1–86,400; 60 unless told.")
    audience = serializers.UUIDField(required=False, allow_null=True, help_text="The id of a segment; null: everybody.")
    starts_at = InstantField(required=False, allow_null=True)
    ends_at = InstantField(required=False, allow_null=True)
    priority = WholeField(required=False, help_text="1–100, the greatest first; 50 unless told.")
    caps = CapsField(required=False)
    message = MessageField(required=False)
    message_life_seconds = WholeField(required=False, help_text="5–172,800; 300 unless told.")
    delay_ms = WholeField(required=False, help_text="0–600,000.")
    control_share = NumberField(required=False, help_text="0–0.9; 0.1 unless told.")
    goal = GoalField(required=False)


class CampaignInput(CampaignChange):
    """A new campaign."""

    name = TextField(help_text="Unique in the workspace, up to 100 characters.")
    trigger = TriggerField()
    message = MessageField()
    goal = GoalField()


class CampaignOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    status = serializers.ChoiceField(choices=Campaign.Status.choices)
    trigger = TriggerField()
    trigger_life_seconds = serializers.IntegerField()
    audience = serializers.UUIDField(source="audience_id", allow_null=True)
    starts_at = serializers.DateTimeField(allow_null=True)
    ends_at = serializers.DateTimeField(allow_null=True)
    priority = serializers.IntegerField()
    caps = CapsField()
    message = MessageField()
    message_life_seconds = serializers.IntegerField()
    delay_ms = serializers.IntegerField()
    control_share = serializers.FloatField()
    goal = GoalField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class CampaignList(serializers.Serializer[Any]):
    results = CampaignOutput(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class PolicyInput(StrictSerializer):
    """What holds for all campaigns together, per person."""

    caps = CapsField(help_text="At most so many messages of any campaign per window; an empty list: no cap.")
    gap_seconds = WholeField(help_text="0–86,400: how long after a message no other is shown.")


class PolicyOutput(serializers.Serializer[Any]):
    caps = CapsField()
    gap_seconds = serializers.IntegerField()


class ArmOutput(serializers.Serializer[Any]):
    """People of one arm. A person is in the arm of their first exposure."""

    exposed = serializers.IntegerField(help_text="People at whose moment the message was, or would have been, drawn.")
    rendered = serializers.IntegerField()
    clicked = serializers.IntegerField()
    dismissed = serializers.IntegerField()
    converted = serializers.IntegerField(help_text="Reached the goal within its time after the first exposure.")
    click_through = serializers.IntegerField(help_text="Converted after a click.")
    view_through = serializers.IntegerField(help_text="Converted without a click before it.")
    maturing = serializers.IntegerField(help_text="Not converted yet, and their time is not over.")


class IntervalOutput(serializers.Serializer[Any]):
    low = serializers.FloatField()
    high = serializers.FloatField()


class ComparisonOutput(serializers.Serializer[Any]):
    """Rates of conversion; null where an arm is empty."""

    treatment_rate = serializers.FloatField(allow_null=True)
    control_rate = serializers.FloatField(allow_null=True)
    difference = serializers.FloatField(allow_null=True)
    difference_interval = IntervalOutput(allow_null=True)
    relative_lift = serializers.FloatField(allow_null=True)
    relative_lift_deviation = serializers.FloatField(allow_null=True)
    is_beyond_chance = serializers.BooleanField(help_text="Whether the interval of the difference excludes zero.")


class ReportOutput(serializers.Serializer[Any]):
    campaign_id = serializers.UUIDField()
    at = serializers.DateTimeField()
    treatment = ArmOutput()
    control = ArmOutput()
    crossovers = serializers.IntegerField(help_text="People exposed in both arms (a merge); they stay in their first.")
    comparison = ComparisonOutput()


CAMPAIGN = OpenApiExample(
    "cart reminder",
    value={
        "name": "Cart reminder",
        "trigger": {"on": "event", "event": "added_to_cart"},
        "message": {
            "template": "modal",
            "title": "Still thinking about it?",
            "body": "Your cart is kept for you.",
            "buttons": [{"label": "To the cart", "action": "link", "url": "/cart"}],
        },
        "goal": {"event": "purchased", "within": "3d"},
        "caps": [{"limit": 1, "window": "1d"}],
        "control_share": 0.1,
    },
    request_only=True,
)
POLICY = OpenApiExample(
    "three a day", value={"caps": [{"limit": 3, "window": "1d"}], "gap_seconds": 60}, request_only=True
)
REFUSED_POLICY = OpenApiExample(
    "a refused policy",
    value={
        "code": "invalid",
        "message": "Some values are not valid.",
        "fields": {"gap_seconds": [{"path": "", "message": "Give a whole number from 0 to 86,400."}]},
    },
    response_only=True,
    status_codes=["400"],
)
REFUSED = OpenApiExample(
    "a refused campaign",
    value={
        "code": "invalid",
        "message": "Some values are not valid.",
        "fields": {"goal": [{"path": "within", "message": "Give a duration of up to 30d, such as 24h or 3d."}]},
    },
    response_only=True,
    status_codes=["400"],
)
REPORT = OpenApiExample(
    "two arms",
    value={
        "campaign_id": "0b6e7a52-6a0b-4f1e-8a53-7c1b1f0a9d10",
        "at": "2026-01-31T09:00:00Z",
        "treatment": {
            "exposed": 1800, "rendered": 1795, "clicked": 240, "dismissed": 900, "converted": 216,
            "click_through": 130, "view_through": 86, "maturing": 40,
        },
        "control": {
            "exposed": 200, "rendered": 0, "clicked": 0, "dismissed": 0, "converted": 18,
            "click_through": 0, "view_through": 18, "maturing": 5,
        },
        "crossovers": 0,
        "comparison": {
            "treatment_rate": 0.12, "control_rate": 0.09, "difference": 0.03,
            "difference_interval": {"low": -0.0187, "high": 0.0656}, "relative_lift": 0.3333,
            "relative_lift_deviation": 0.3112, "is_beyond_chance": False,
        },
    },
    response_only=True,
    status_codes=["200"],
)  # fmt: skip
