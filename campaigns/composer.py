"""The composer: a form with its rows of filters and caps, from a campaign to what is typed and back.

What the saving refuses comes with a path (`trigger.where[1].value`); the composer finds the control that it means.
"""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from django import forms
from django.forms.formsets import BaseFormSet
from django.http import QueryDict

from campaigns.forms import CampaignForm, CapForm, FilterForm
from campaigns.models import Campaign
from campaigns.parsing import CampaignError
from campaigns.rows import documents_of, filled, make_rows
from segments.conditions.parsing import Problem

ROWS: dict[str, type[forms.Form]] = {"trigger_where": FilterForm, "goal_where": FilterForm, "caps": CapForm}
_CONTROLS = {
    "name": "name",
    "trigger": "trigger_kind",
    "trigger.on": "trigger_kind",
    "trigger.event": "trigger_events",
    "trigger.segment": "trigger_segment",
    "trigger_life_seconds": "trigger_life",
    "audience": "audience",
    "message.title": "message_title",
    "message.body": "message_body",
    "message.image_url": "message_image_url",
    "message_life_seconds": "message_life",
    "delay_ms": "delay_ms",
    "priority": "priority",
    "starts_at": "starts_at",
    "ends_at": "ends_at",
    "control_share": "control_percent",
    "goal.event": "goal_events",
    "goal.within": "goal_within",
}
_ROW = re.compile(r"(trigger\.where|goal\.where|caps)\[(\d+)\](?:\.(\w+)(?:\[\d+\])?)?")
_BUTTON = re.compile(r"message\.buttons\[(\d+)\](?:\.(\w+))?")
DEFAULTS: dict[str, Any] = {
    "trigger_kind": "event",
    "trigger_life": 60,
    "message_life": 300,
    "delay_ms": 0,
    "priority": 50,
    "control_percent": 10,
    "goal_within": "3d",
}


class Composer:
    """The form of one campaign, new or existing; `more` names the rows of which one more is wanted."""

    def __init__(
        self,
        *,
        campaign: Campaign | None,
        segments: dict[UUID, str],
        data: QueryDict | None = None,
        more: str | None = None,
    ) -> None:
        initial: dict[str, Any] = (
            _initial(campaign) if campaign else {"form": DEFAULTS, "caps": [{"limit": 1, "window": "1d"}]}
        )
        self.form = CampaignForm(data, initial=initial["form"], segments=segments)
        self.rows: dict[str, BaseFormSet[Any]] = {
            prefix: make_rows(form, prefix=prefix, given=initial.get(prefix, []), data=data, more=more == prefix)
            for prefix, form in ROWS.items()
        }

    def is_valid(self) -> bool:
        return all([self.form.is_valid(), *(rows.is_valid() for rows in self.rows.values())])

    @property
    def has_errors(self) -> bool:
        return bool(self.form.errors) or any(any(rows.errors) for rows in self.rows.values())

    def changes(self) -> dict[str, Any]:
        """What `save_campaign` takes."""
        values = self.form.cleaned_data
        return {
            "name": values["name"],
            "trigger": self._trigger(),
            "trigger_life_seconds": self.form.seconds("trigger_life"),
            "audience": values["audience"] or None,
            "message": self.message(),
            "message_life_seconds": self.form.seconds("message_life"),
            "delay_ms": values["delay_ms"],
            "priority": values["priority"],
            "starts_at": values["starts_at"],
            "ends_at": values["ends_at"],
            "caps": documents_of(self.rows["caps"]),
            "control_share": float(values["control_percent"]) / 100,
            "goal": {"event": _one_or_more(values["goal_events"]), "within": values["goal_within"]}
            | self._where("goal_where"),
        }

    def message(self) -> dict[str, Any]:
        values = self.form.cleaned_data
        message: dict[str, Any] = {
            "template": "modal",
            "title": values["message_title"],
            "body": values["message_body"],
        }
        if values["message_image_url"]:
            message["image_url"] = values["message_image_url"]
        return message | {"buttons": [self._button(number) for number in self._used_buttons()]}

    def add_problems(self, error: CampaignError) -> None:
        """Show each problem beside the control that it is about."""
        for problem in error.problems:
            if row := _ROW.fullmatch(problem.path):
                self._add_to_row(row[1].replace(".", "_"), int(row[2]), row[3], problem)
            elif button := _BUTTON.fullmatch(problem.path):
                number = self._used_buttons()[int(button[1])]
                self.form.add_error(f"button_{number}_{'url' if button[2] == 'url' else 'label'}", problem.message)
            elif (control := _control_of(problem.path)) is not None:
                self.form.add_error(control, problem.message)
            else:
                self.form.add_error(None, f"{problem.path}: {problem.message}" if problem.path else problem.message)

    def _add_to_row(self, prefix: str, index: int, name: str | None, problem: Problem) -> None:
        row = filled(self.rows[prefix])[index]
        row.add_error(name if name in row.fields else None, problem.message)

    def _trigger(self) -> dict[str, Any]:
        values = self.form.cleaned_data
        match values["trigger_kind"]:
            case "event":
                return {"on": "event", "event": _one_or_more(values["trigger_events"])} | self._where("trigger_where")
            case "segment_entry":
                return {"on": "segment_entry", "segment": values["trigger_segment"]}
        return {"on": "app_open"}

    def _used_buttons(self) -> list[int]:
        values = self.form.cleaned_data
        return [n for n in (1, 2) if values.get(f"button_{n}_label") or values.get(f"button_{n}_url")]

    def _button(self, number: int) -> dict[str, Any]:
        label, url = (self.form.cleaned_data[f"button_{number}_{part}"] for part in ("label", "url"))
        return {"label": label, "action": "link", "url": url} if url else {"label": label, "action": "dismiss"}

    def _where(self, prefix: str) -> dict[str, Any]:
        where = documents_of(self.rows[prefix])
        return {"where": where} if where else {}


def _control_of(path: str) -> str | None:
    """The control for the longest beginning of the path that has one."""
    while path:
        if path in _CONTROLS:
            return _CONTROLS[path]
        path = re.sub(r"(^|\.|\[)[^.\[]*$", "", path)
    return None


def _initial(campaign: Campaign) -> dict[str, Any]:
    trigger, goal, message = campaign.trigger, campaign.goal, campaign.message
    buttons = {
        f"button_{number}_{part}": button.get(part, "")
        for number, button in enumerate(message.get("buttons", []), start=1)
        for part in ("label", "url")
    }
    form = {
        "name": campaign.name,
        "trigger_kind": trigger.get("on", "event"),
        "trigger_events": _listed(trigger.get("event")),
        "trigger_segment": trigger.get("segment", ""),
        "trigger_life": campaign.trigger_life_seconds,
        "audience": str(campaign.audience_id or ""),
        "message_title": message.get("title", ""),
        "message_body": message.get("body", ""),
        "message_image_url": message.get("image_url") or "",
        "message_life": campaign.message_life_seconds,
        "delay_ms": campaign.delay_ms,
        "priority": campaign.priority,
        "starts_at": campaign.starts_at,
        "ends_at": campaign.ends_at,
        "control_percent": f"{campaign.control_share * 100:.6g}",
        "goal_events": _listed(goal.get("event")),
        "goal_within": goal.get("within", ""),
    }
    return {
        "form": form | buttons,
        "trigger_where": [FilterForm.initial_of(row) for row in trigger.get("where", [])],
        "goal_where": [FilterForm.initial_of(row) for row in goal.get("where", [])],
        "caps": [CapForm.initial_of(row) for row in campaign.caps or [] if isinstance(row, dict)],
    }


def _listed(names: Any) -> list[str]:
    if names is None:
        return []
    return list(names) if isinstance(names, list) else [names]


def _one_or_more(names: list[str]) -> str | list[str]:
    return names[0] if len(names) == 1 else names
