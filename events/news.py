"""What undigested facts are about, so that only the conditions that these can change are evaluated.

A person's row names the subjects of what came since it was digested. It errs towards more: whoever touches a person
without naming subjects leaves EVERYTHING, and so does who was never digested.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

EVERYTHING = "*"
TRAITS = "traits"
MOST = 40
"""Subjects that a row names at most, besides those of one batch; more are EVERYTHING."""


def about_event(name: str) -> str:
    """The subject of an event of this name."""
    return f"event:{name}"


@lru_cache(maxsize=4096)
def subjects_of(*, event_name: str | None, has_traits: bool) -> frozenset[str]:
    """The subjects of one item."""
    about = [about_event(event_name)] if event_name is not None else []
    return frozenset([*about, TRAITS] if has_traits else about)


@lru_cache(maxsize=4096)
def as_array(subjects: frozenset[str]) -> bytes:
    """EVERYTHING, for a new person, and then the subjects, for a known one: as PostgreSQL spells an array."""
    named: Iterable[str] = sorted(subjects) if len(subjects) <= MOST else (EVERYTHING,)
    quoted = (text.replace("\\", "\\\\").replace('"', '\\"') for text in (EVERYTHING, *named))
    return ("{" + ",".join(f'"{text}"' for text in quoted) + "}").encode()
