"""The one navigation, by the marketer's work. An entry appears as soon as its page exists."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from django.http import HttpRequest
from django.urls import Resolver404, resolve
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Entry:
    label: str | Promise
    icon: str
    path: str


ENTRIES = (
    Entry(_("Home"), "home", "/"),
    Entry(_("People"), "users", "/people/"),
    Entry(_("Segments"), "users-group", "/segments/"),
    Entry(_("Messages"), "message-2", "/campaigns/"),
    Entry(_("Results"), "chart-bar", "/results/"),
    Entry(_("Developers"), "code", "/developers/"),
    Entry(_("Settings"), "settings", "/settings/"),
)


@cache
def existing_entries() -> tuple[Entry, ...]:
    return tuple(entry for entry in ENTRIES if _exists(entry.path))


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Template context: the entries, and the one whose pages the request is in."""
    inside = [entry for entry in ENTRIES if entry.path != "/" and request.path.startswith(entry.path)]
    current = inside[0].path if inside else request.path
    return {"navigation": existing_entries(), "current_path": current}


def _exists(path: str) -> bool:
    try:
        resolve(path)
    except Resolver404:
        return False
    return True
