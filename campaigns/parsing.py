"""A campaign's JSON columns to plain values; unknown keys and every other problem are named with their path."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any, Literal, TypeVar, cast
from uuid import UUID

from campaigns.caps import Cap
from campaigns.rendering import IMAGE_SCHEMES, LINK_SCHEMES, safe_address
from campaigns.templating import TemplateError, check_template
from segments.conditions.nodes import Filter
from segments.conditions.parsing import ConditionError, Problem, parse_filters, parse_names
from segments.conditions.values import parse_duration

APP_OPENED = "app_opened"
MAX_CAPS = 10
MAX_LIMIT = 10_000
MAX_BUTTONS = 2
LONGEST_GOAL = timedelta(days=30)
LONGEST_CAP = timedelta(days=366)
TEMPLATES = ("modal",)
T = TypeVar("T")


class CampaignError(ValueError):
    """The campaign cannot be saved; `problems` says where and why."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{problem.path}: {problem.message}" for problem in problems))
        self.problems = problems


@dataclass(frozen=True)
class EventTrigger:
    """Any of these events, satisfying all the filters."""

    names: tuple[str, ...]
    where: tuple[Filter, ...]


@dataclass(frozen=True)
class SegmentEntry:
    """Entering the segment."""

    segment_id: UUID


@dataclass(frozen=True)
class Goal:
    """Any of these events, satisfying all the filters, within this long after the first exposure."""

    names: tuple[str, ...]
    where: tuple[Filter, ...]
    within: timedelta


def parse_trigger(document: object) -> EventTrigger | SegmentEntry:
    """The trigger of its JSON; raises CampaignError."""
    return cast(EventTrigger | SegmentEntry, _parsed(_Parser.trigger, document))


def parse_caps(document: object) -> tuple[Cap, ...]:
    """The caps of their JSON; raises CampaignError."""
    return _parsed(_Parser.caps, document)


def parse_message(document: object) -> Mapping[str, Any]:
    """The message, checked but as it was; raises CampaignError."""
    return _parsed(_Parser.message, document)


def parse_goal(document: object) -> Goal:
    """The goal of its JSON; raises CampaignError."""
    return _parsed(_Parser.goal, document)


def _parsed(parse: Callable[[_Parser, Any], T | None], document: object) -> T:
    try:
        text = json.dumps(document, allow_nan=False, ensure_ascii=False)
        text.encode()  # half a surrogate pair cannot be stored
    except (TypeError, ValueError, RecursionError) as error:
        raise CampaignError([Problem("", "This is not JSON.")]) from error
    if "\\u0000" in text:
        raise CampaignError([Problem("", "Texts must not contain the character NUL.")])
    return cast(T, _parse_text(parse, text))


@lru_cache(maxsize=4096)
def _parse_text(parse: Callable[[_Parser, Any], T | None], text: str) -> T:
    """Parsing is pure, so a definition is parsed once a process."""
    parser = _Parser()
    result = parse(parser, json.loads(text))
    if parser.problems or result is None:
        raise CampaignError(parser.problems or [Problem("", "This is not valid.")])
    return result


class _Parser:
    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def problem(self, path: str, message: str) -> None:
        if len(self.problems) < 50:
            self.problems.append(Problem(path, message))

    def trigger(self, document: object) -> EventTrigger | SegmentEntry | None:
        if not isinstance(document, dict):
            self.problem("trigger", 'A trigger is an object such as {"on": "event", "event": "added_to_cart"}.')
            return None
        match document.get("on"):
            case "event":
                self.known(document, "trigger", {"on", "event", "where"})
                names, where = self.events(document, "trigger")
                return EventTrigger(names, where)
            case "app_open":
                self.known(document, "trigger", {"on"})
                return EventTrigger((APP_OPENED,), ())
            case "segment_entry":
                self.known(document, "trigger", {"on", "segment"})
                try:
                    return SegmentEntry(UUID(document.get("segment")))
                except (ValueError, TypeError, AttributeError):
                    self.problem("trigger.segment", "A segment is named by its id.")
                    return None
        self.problem("trigger.on", "Known triggers: event, app_open, segment_entry.")
        return None

    def caps(self, document: object) -> tuple[Cap, ...]:
        if not isinstance(document, list) or len(document) > MAX_CAPS:
            self.problem("caps", f'Caps are a list of up to {MAX_CAPS} of {{"limit": 1, "window": "1d"}}.')
            return ()
        caps = []
        for index, part in enumerate(document):
            path = f"caps[{index}]"
            if not isinstance(part, dict):
                self.problem(path, 'A cap is an object such as {"limit": 1, "window": "1d"}.')
                continue
            self.known(part, path, {"limit", "window"})
            limit, window = part.get("limit"), part.get("window")
            if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MAX_LIMIT:
                self.problem(f"{path}.limit", f"Give a whole number from 1 to {MAX_LIMIT:,}.")
                continue
            span: timedelta | Literal["session", "lifetime"] | None
            span = window if window in ("session", "lifetime") else parse_duration(window)
            if not span or (isinstance(span, timedelta) and span > LONGEST_CAP):
                self.problem(f"{path}.window", "Give session, lifetime, or a duration such as 30m, 1h, 1d or 7d.")
                continue
            caps.append(Cap(limit=limit, window=span, text=str(window)))
        return tuple(caps)

    def goal(self, document: object) -> Goal | None:
        if not isinstance(document, dict):
            self.problem("goal", 'A goal is an object such as {"event": "purchased", "within": "3d"}.')
            return None
        self.known(document, "goal", {"event", "where", "within"})
        names, where = self.events(document, "goal")
        within = parse_duration(document.get("within"))
        if not within or within > LONGEST_GOAL:
            self.problem("goal.within", "Give a duration of up to 30d, such as 24h or 3d.")
            return None
        return Goal(names, where, within)

    def message(self, document: object) -> Mapping[str, Any] | None:
        if not isinstance(document, dict):
            self.problem("message", 'A message is an object such as {"template": "modal", "title": "…", "body": "…"}.')
            return None
        self.known(document, "message", {"template", "title", "body", "image_url", "buttons"})
        if document.get("template") not in TEMPLATES:
            self.problem("message.template", f"Known templates: {', '.join(TEMPLATES)}.")
        for name in ("title", "body"):
            self.text(document.get(name, ""), f"message.{name}")
        if not any(isinstance(text, str) and text.strip() for text in (document.get("title"), document.get("body"))):
            self.problem("message.title", "Give a title or a body.")
        if document.get("image_url") not in (None, ""):
            self.address(document["image_url"], "message.image_url", IMAGE_SCHEMES)
        buttons = document.get("buttons", [])
        if not isinstance(buttons, list) or len(buttons) > MAX_BUTTONS:
            self.problem("message.buttons", f"A message has up to {MAX_BUTTONS} buttons.")
            return None
        for index, button in enumerate(buttons):
            self.button(button, f"message.buttons[{index}]")
        return document

    def button(self, button: object, path: str) -> None:
        if not isinstance(button, dict):
            self.problem(path, 'A button is an object such as {"label": "Later", "action": "dismiss"}.')
            return
        self.known(button, path, {"label", "action", "url"})
        if not (isinstance(button.get("label"), str) and button["label"].strip()):
            self.problem(f"{path}.label", "Give the button a label.")
        else:
            self.text(button["label"], f"{path}.label")
        match button.get("action"):
            case "link":
                self.address(button.get("url"), f"{path}.url", LINK_SCHEMES)
            case "dismiss":
                if button.get("url") is not None:
                    self.problem(f"{path}.url", "A button that dismisses has no address.")
            case _:
                self.problem(f"{path}.action", "Known actions: link, dismiss.")

    def text(self, source: object, path: str) -> bool:
        if not isinstance(source, str):
            self.problem(path, "Give a text.")
            return False
        try:
            check_template(source)
        except TemplateError as error:
            self.problem(path, str(error))
            return False
        return True

    def address(self, source: object, path: str, schemes: frozenset[str]) -> None:
        if not (isinstance(source, str) and source.strip()):
            self.problem(path, "Give an address, such as https://shop.example/sale or /sale.")
        elif self.text(source, path) and "{" not in source and safe_address(source, schemes) is None:
            self.problem(path, f"An address is relative, or begins with {', '.join(sorted(schemes))}.")

    def events(self, document: dict[str, Any], path: str) -> tuple[tuple[str, ...], tuple[Filter, ...]]:
        names: tuple[str, ...] = ()
        where: tuple[Filter, ...] = ()
        try:
            names = parse_names(document.get("event"), f"{path}.event")
        except ConditionError as error:
            self.problems += error.problems
        try:
            where = parse_filters(document.get("where", []), f"{path}.where")
        except ConditionError as error:
            self.problems += error.problems
        return names, where

    def known(self, document: dict[str, Any], path: str, allowed: set[str]) -> None:
        for key in document:
            if key not in allowed:
                self.problem(f"{path}.{str(key)[:50]}", f"Unknown key. Known here: {', '.join(sorted(allowed))}.")
