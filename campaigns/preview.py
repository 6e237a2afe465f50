"""A message as nobody in particular would see it: filled in without knowing anything about the person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from campaigns.rendering import IMAGE_SCHEMES, safe_address
from campaigns.templating import TemplateError, render

_NOBODY: dict[str, Any] = {"traits": {}, "person": {"traits": {}}, "event": {"properties": {}}}


@dataclass(frozen=True)
class Preview:
    title: str
    body: str
    image_url: str | None
    buttons: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        return not (self.title or self.body or self.image_url or self.buttons)


def preview_of(message: Any) -> Preview:
    """The message's texts filled in; what is no template is shown as it is, and told."""
    problems: list[str] = []

    def fill(source: Any) -> str:
        if not isinstance(source, str):
            return ""
        try:
            return render(source, _NOBODY).strip()
        except TemplateError as error:
            problems.append(str(error))
            return source

    document: Mapping[str, Any] = message if isinstance(message, Mapping) else {}
    buttons = document.get("buttons", [])
    labels = [fill(button.get("label")) for button in buttons if isinstance(button, Mapping)]
    return Preview(
        title=fill(document.get("title")),
        body=fill(document.get("body")),
        image_url=safe_address(fill(document.get("image_url")), IMAGE_SCHEMES),
        buttons=tuple(label for label in labels if label),
        problems=tuple(dict.fromkeys(problems)),
    )
