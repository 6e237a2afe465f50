"""The fields of a campaign, and the rows of filters and caps."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.literals import NO_VALUE, read_value, show_value
from segments.conditions.values import parse_duration
from tenants.forms import LinesField

UNITS = [("s", _("seconds")), ("m", _("minutes")), ("h", _("hours")), ("d", _("days")), ("w", _("weeks"))]
_SECONDS = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
OPERATORS = [
    ("=", _("is")),
    ("!=", _("is not")),
    (">", _("is greater than")),
    (">=", _("is at least")),
    ("<", _("is less than")),
    ("<=", _("is at most")),
    ("between", _("is between")),
    ("in", _("is one of")),
    ("not_in", _("is none of")),
    ("contains", _("contains")),
    ("not_contains", _("does not contain")),
    ("starts_with", _("starts with")),
    ("ends_with", _("ends with")),
    ("before", _("is before")),
    ("after", _("is after")),
    ("exists", _("is there")),
    ("not_exists", _("is not there")),
]
WINDOWS = [
    ("session", _("per session")),
    ("1h", _("per hour")),
    ("1d", _("per day (24 hours)")),
    ("7d", _("per week (7 days)")),
    ("30d", _("per 30 days")),
    ("lifetime", _("ever")),
]
TRIGGERS = [
    ("event", _("Somebody does something (an event)")),
    ("segment_entry", _("Somebody enters a segment")),
    ("app_open", _("Somebody opens the app")),
]


class DurationWidget(forms.MultiWidget):
    """A number and its unit."""

    template_name = "campaigns/duration.html"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        number = forms.NumberInput(attrs={"min": 0, "class": "form-control"})
        super().__init__([number, forms.Select(choices=UNITS, attrs={"class": "form-select"})], attrs)

    def build_attrs(self, base_attrs: Any, extra_attrs: Any = None) -> dict[str, Any]:
        extra = {name: value for name, value in (extra_attrs or {}).items() if name != "class"}
        return super().build_attrs(base_attrs, extra)

    def decompress(self, value: Any) -> list[Any]:
        if value == 0:
            return [0, "s"]
        if isinstance(value, int):
            unit = next(unit for unit, seconds in _SECONDS.items() if value % seconds == 0)
            return [value // _SECONDS[unit], unit]
        match = re.fullmatch(r"(\d+)([smhdw])", value or "")
        return [int(match[1]), match[2]] if match else [None, "m"]


class DurationField(forms.MultiValueField):
    """A duration such as `3d`; its cleaned value is that text."""

    widget = DurationWidget

    def __init__(self, **kwargs: Any) -> None:
        number = forms.IntegerField(min_value=0, max_value=999_999_999)
        super().__init__(fields=(number, forms.ChoiceField(choices=UNITS)), **kwargs)

    def compress(self, data_list: list[Any]) -> str:
        return f"{data_list[0]}{data_list[1]}" if data_list else ""


class CampaignForm(forms.Form):
    """Everything of a campaign but its rows."""

    name = forms.CharField(label=_("Name"), max_length=100)
    trigger_kind = forms.ChoiceField(label=_("When"), choices=TRIGGERS)
    trigger_events = LinesField(
        label=_("Event"),
        widget=forms.Textarea(attrs={"rows": 1}),
        help_text=_("Its name as the app sends it, such as added_to_cart. Several, one a line: any of them."),
    )
    trigger_segment = forms.ChoiceField(label=_("Segment"), required=False)
    trigger_life = DurationField(
        label=_("It must be shown within"), help_text=_("Later the moment has passed, and nothing is shown.")
    )
    audience = forms.ChoiceField(label=_("Only to people in"), required=False)
    message_title = forms.CharField(label=_("Title"), required=False, max_length=5_000)
    message_body = forms.CharField(
        label=_("Text"),
        required=False,
        max_length=5_000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("Liquid fills in what is known: {{ traits.first_name | default: 'friend' }}."),
    )
    message_image_url = forms.CharField(
        label=_("Picture"), required=False, max_length=5_000, help_text=_("Its address, https://… (may stay empty).")
    )
    button_1_label = forms.CharField(label=_("First button"), required=False, max_length=5_000)
    button_1_url = forms.CharField(
        label=_("leads to"), required=False, max_length=5_000, help_text=_("Empty: it closes the message.")
    )
    button_2_label = forms.CharField(label=_("Second button"), required=False, max_length=5_000)
    button_2_url = forms.CharField(label=_("leads to"), required=False, max_length=5_000)
    message_life = DurationField(
        label=_("A message that was decided may wait"),
        help_text=_("For example for a screen to finish loading. It counts as used for so long."),
    )
    delay_ms = forms.IntegerField(label=_("Delay before it appears (ms)"), min_value=0, max_value=600_000)
    priority = forms.IntegerField(
        label=_("Priority"), min_value=1, max_value=100, help_text=_("1–100; the greatest goes first.")
    )
    starts_at = forms.DateTimeField(label=_("Start"), required=False)
    ends_at = forms.DateTimeField(label=_("End"), required=False)
    control_percent = forms.DecimalField(
        label=_("Control group (%)"),
        min_value=0,
        max_value=90,
        decimal_places=2,
        help_text=_(
            "So many of 100 people are counted but see nothing: by comparison they tell what the message changed."
        ),
    )
    goal_events = LinesField(
        label=_("Success is the event"),
        required=True,
        widget=forms.Textarea(attrs={"rows": 1}),
        help_text=_("For example purchased. Several, one a line: any of them."),
    )
    goal_within = DurationField(label=_("within"), help_text=_("Counted from the first time; up to 30 days."))

    def __init__(self, *args: Any, segments: dict[UUID, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = [(str(pk), name) for pk, name in segments.items()]
        self.fields["trigger_segment"].choices = [("", _("Choose a segment")), *named]  # type: ignore[attr-defined]
        self.fields["audience"].choices = [("", _("everybody")), *named]  # type: ignore[attr-defined]
        for name in ("starts_at", "ends_at"):
            self.fields[name].widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        for name in ("message_title", "message_body", "message_image_url", "button_1_label", "button_2_label"):
            self.fields[name].widget.attrs["data-message"] = ""

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        if values.get("trigger_kind") == "event" and not values.get("trigger_events"):
            self.add_error("trigger_events", _("Name the event that it waits for."))
        if values.get("trigger_kind") == "segment_entry" and not values.get("trigger_segment"):
            self.add_error("trigger_segment", _("Choose the segment that people enter."))
        for name in ("trigger_life", "message_life"):
            if values.get(name) and parse_duration(values[name]) is None:
                self.add_error(name, _("This is too long."))
        return values

    def seconds(self, name: str) -> int:
        duration = parse_duration(self.cleaned_data[name]) or timedelta(0)
        return int(duration.total_seconds())


class FilterForm(forms.Form):
    """A row: property, operator, value. An empty row is none."""

    property = forms.CharField(label=_("Property"), required=False, max_length=1_000)
    op = forms.ChoiceField(label=_("Comparison"), choices=OPERATORS, required=False)
    value = forms.CharField(label=_("Value"), required=False, max_length=20_000, strip=False)

    def is_empty(self) -> bool:
        return not self.cleaned_data.get("property") and not self.cleaned_data.get("value")

    def document(self) -> dict[str, Any]:
        op = self.cleaned_data.get("op") or "="
        document = {"property": self.cleaned_data.get("property", ""), "op": op}
        if op not in NO_VALUE:
            document["value"] = read_value(self.cleaned_data.get("value", ""), op=op)
        return document

    @staticmethod
    def initial_of(document: dict[str, Any]) -> dict[str, Any]:
        return {
            "property": document.get("property", ""),
            "op": document.get("op", "="),
            "value": show_value(document.get("value")),
        }


class CapForm(forms.Form):
    """A row: so many times, per window. An empty row is none."""

    limit = forms.IntegerField(label=_("Times"), required=False, min_value=1, max_value=10_000)
    window = forms.ChoiceField(label=_("Window"), choices=WINDOWS, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A window set over the API stays what it is.
        other = self.data.get(self.add_prefix("window")) if self.is_bound else self.initial.get("window")
        if other and other not in dict(WINDOWS) and parse_duration(other):
            field = self.fields["window"]
            field.choices = [*WINDOWS, (other, _("per %(window)s") % {"window": other})]  # type: ignore[attr-defined]

    def is_empty(self) -> bool:
        return self.cleaned_data.get("limit") is None

    def document(self) -> dict[str, Any]:
        return {"limit": self.cleaned_data["limit"], "window": self.cleaned_data["window"]}

    @staticmethod
    def initial_of(document: dict[str, Any]) -> dict[str, Any]:
        return {"limit": document.get("limit"), "window": document.get("window")}
