"""Settings by which stored facts are understood: rooms above say what follows when these change."""

from __future__ import annotations

from collections.abc import Callable, Iterable

SETTINGS = frozenset({"time_zone", "retention_days"})

Listener = Callable[[], None]
_listeners: list[Listener] = []


def register_listener(listener: Listener) -> None:
    """Let a room above act on a change; it is called inside the tenant's scope, in the change's transaction."""
    if listener not in _listeners:
        _listeners.append(listener)


def announce(changed: Iterable[str]) -> None:
    """Tell the listeners, if any of these settings matters."""
    if SETTINGS.intersection(changed):
        for listener in _listeners:
            listener()
