"""What we were told, message by message, and the people as anybody could have known them at an instant.

Two clocks: `as_of` is what had happened, `known_at` what we had been told by then. Written from the specification:
a message received later is not known, a merge made later has joined nobody yet, and a trait is worth what the
latest message of those that had happened and were known says.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from tests.oracle.facts import Event, Json, Person

Name: TypeAlias = tuple[str, str]
"""A kind of identifier (`user_id`, `anonymous_id`) and its text."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message, in the order of arrival; `previous_id` is a user id that an alias by a server key names."""

    message_id: str
    received_at: datetime
    occurred_at: datetime
    user_id: str | None = None
    anonymous_id: str | None = None
    previous_id: str | None = None
    event: str | None = None
    properties: Mapping[str, Json] = field(default_factory=dict)
    traits: Mapping[str, Json] = field(default_factory=dict)

    @property
    def names(self) -> list[Name]:
        """Whom it means, the user first."""
        pairs = (("user_id", self.user_id), ("anonymous_id", self.anonymous_id))
        return [(kind, text) for kind, text in pairs if text is not None]


@dataclass(frozen=True, kw_only=True)
class Erasure:
    """Somebody with all identifiers, forgotten."""

    name: Name


@dataclass(frozen=True)
class _Join:
    target: Name
    at: datetime


class Memory:
    """Everything that was told, and who turned out to be whom."""

    def __init__(self, told: Iterable[Message | Erasure]) -> None:
        self.facts: list[tuple[Name, Message]] = []
        self.joins: dict[Name, _Join] = {}
        self.created_at: dict[Name, datetime] = {}
        self.first_seen_at: dict[Name, datetime] = {}
        self.ids: set[str] = set()
        for item in told:
            if isinstance(item, Erasure):
                self._forget(item.name)
            else:
                self._take(item)

    def people(self, *, as_of: datetime, known_at: datetime) -> dict[Name, Person]:
        """Everybody who had been seen by `as_of`, by the name under which they were known at `known_at`."""
        names = [
            name
            for name, created_at in self.created_at.items()
            if created_at <= known_at
            and self.first_seen_at[name] <= as_of
            and not (name in self.joins and self.joins[name].at <= known_at)
        ]
        return {name: self._person(name, as_of, known_at) for name in names}

    def root(self, name: Name, known_at: datetime | None = None) -> Name:
        """Whom a name means, as known at an instant (None: by now)."""
        while name in self.joins and (known_at is None or self.joins[name].at <= known_at):
            name = self.joins[name].target
        return name

    def _person(self, name: Name, as_of: datetime, known_at: datetime) -> Person:
        messages = [
            message
            for owner, message in self.facts
            if self.root(owner, known_at) == name and message.received_at <= known_at and message.occurred_at <= as_of
        ]
        traits: dict[str, Json] = {}
        for message in sorted(messages, key=lambda message: message.occurred_at):
            traits |= message.traits
        events = tuple(
            Event(
                name=message.event,
                occurred_at=message.occurred_at,
                message_id=message.message_id,
                properties=message.properties,
                received_at=message.received_at,
            )
            for message in messages
            if message.event is not None
        )
        present = {key: value for key, value in traits.items() if value is not None}
        return Person(traits=present, events=events, created_at=self.first_seen_at[name])

    def _take(self, message: Message) -> None:
        if message.message_id in self.ids:
            return
        self.ids.add(message.message_id)
        if message.previous_id is not None and message.user_id is not None:
            self._join(("user_id", message.previous_id), ("user_id", message.user_id), message)
        if message.user_id is not None and message.anonymous_id is not None:
            anonymous = ("anonymous_id", message.anonymous_id)
            if anonymous not in self.joins:
                self._join(anonymous, ("user_id", message.user_id), message)
        for name in message.names:
            self._see(name, message)
        self.facts.append((self.root(message.names[0]), message))

    def _join(self, source: Name, target: Name, message: Message) -> None:
        for name in (source, target):
            self._see(name, message)
        source, target = self.root(source), self.root(target)
        if source != target:
            self.joins[source] = _Join(target, message.received_at)
            self.first_seen_at[target] = min(self.first_seen_at[target], self.first_seen_at[source])

    def _see(self, name: Name, message: Message) -> None:
        for one in {name, self.root(name)}:
            self.created_at.setdefault(one, message.received_at)
            self.first_seen_at[one] = min(self.first_seen_at.get(one, message.occurred_at), message.occurred_at)

    def _forget(self, name: Name) -> None:
        gone = self.root(name)
        self.facts = [(owner, message) for owner, message in self.facts if self.root(owner) != gone]
        names = [one for one in self.created_at if self.root(one) == gone]
        for one in names:
            del self.created_at[one], self.first_seen_at[one]
            self.joins.pop(one, None)
