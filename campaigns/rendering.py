"""A campaign's message for one person: Liquid filled in with what the caller may see, addresses judged afterwards."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from campaigns.records import Trigger
from campaigns.templating import TemplateError, render

LINK_SCHEMES = frozenset({"http", "https", "mailto", "tel"})
IMAGE_SCHEMES = frozenset({"http", "https"})
MAX_ADDRESS = 2_000
LIMITS = {"title": 500, "body": 5_000, "label": 100}
"""Greatest length of each text once filled in, in characters."""
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\x9f\\\u2028\u2029]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


class RenderingError(ValueError):
    """The message cannot be shown to this person: a text could not be filled in, or nothing is left of it."""


@dataclass(frozen=True)
class Button:
    label: str
    action: str
    url: str | None


@dataclass(frozen=True)
class RenderedMessage:
    """Plain texts and judged addresses, in the shape of the wire format."""

    template: str
    title: str
    body: str
    image_url: str | None
    locale: str
    buttons: tuple[Button, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"buttons": [asdict(button) for button in self.buttons]}


def visible_facts(
    *,
    traits: Mapping[str, Any],
    public_traits: Iterable[str],
    trigger: Trigger | None,
    is_signed: bool,
) -> dict[str, Any]:
    """What templates see: everything for a caller who proved who the person is, else public traits alone.

    The properties of the trigger event are the caller's own when the caller's app sent it.
    """
    public = set(public_traits)
    seen = dict(traits) if is_signed else {name: value for name, value in traits.items() if name in public}
    event: dict[str, Any] = {}
    if trigger is not None and trigger.event_name is not None:
        properties = dict(trigger.properties) if is_signed or trigger.is_from_caller else {}
        event = {"name": trigger.event_name, "occurred_at": trigger.at.isoformat(), "properties": properties}
    return {"traits": seen, "person": {"traits": seen}, "event": event}


def render_message(*, message: Mapping[str, Any], facts: Mapping[str, Any], locale: str) -> RenderedMessage:
    """Fill in every text; raises RenderingError. A button whose address is not acceptable only dismisses."""
    title = _fill("title", message.get("title", ""), facts)
    body = _fill("body", message.get("body", ""), facts)
    if not title and not body:
        raise RenderingError("title and body are both empty once filled in")
    image_url = message.get("image_url")
    return RenderedMessage(
        template=message["template"],
        title=title,
        body=body,
        image_url=safe_address(_fill("image_url", image_url, facts), IMAGE_SCHEMES) if image_url else None,
        locale=locale,
        buttons=tuple(
            _render_button(f"buttons[{index}]", button, facts)
            for index, button in enumerate(message.get("buttons", []))
        ),
    )


def safe_address(text: str, schemes: frozenset[str]) -> str | None:
    """The address if it is relative or of one of the schemes and nobody could read it otherwise, else None."""
    address = text.strip().replace(" ", "%20")
    if not address or len(address) > MAX_ADDRESS or _UNSAFE.search(address):
        return None
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    scheme = _SCHEME.match(address)
    if scheme is None:
        # A colon before the path begins would be read as a scheme by somebody.
        return None if ":" in re.split(r"[/?#]", address, maxsplit=1)[0] else address
    name = scheme[0][:-1].lower()
    if name in IMAGE_SCHEMES and not (address[len(name) :].startswith("://") and parts.hostname):
        return None
    return address if name in schemes else None


def _render_button(path: str, button: Mapping[str, Any], facts: Mapping[str, Any]) -> Button:
    label = _fill("label", button["label"], facts, path=f"{path}.label")
    if not label:
        raise RenderingError(f"{path}.label: it is empty once filled in")
    url = None
    if button["action"] == "link":
        url = safe_address(_fill("url", button["url"], facts, path=f"{path}.url"), LINK_SCHEMES)
    return Button(label=label, action="link" if url else "dismiss", url=url)


def _fill(kind: str, source: str, facts: Mapping[str, Any], *, path: str = "") -> str:
    try:
        text = render(source, facts).strip()
    except TemplateError as error:
        raise RenderingError(f"{path or kind}: {error}") from error
    limit = LIMITS.get(kind)
    if limit is not None and len(text) > limit:
        raise RenderingError(f"{path or kind}: longer than {limit:,} characters once filled in")
    return text
