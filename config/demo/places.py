"""Where the simulated people live, and what they are called there."""

from __future__ import annotations

from dataclasses import dataclass

_ENGLISH = (
    "Ada", "Amir", "Ana", "Ben", "Carla", "Chloe", "Daniel", "Elif", "Emma", "Femi", "Grace", "Hana", "Ivan", "Jack",
    "Julia", "Kofi", "Lara", "Leo", "Lucy", "Marco", "Maya", "Mia", "Nadia", "Noah", "Olga", "Omar", "Pia", "Priya",
    "Rosa", "Sam", "Sofia", "Theo", "Tom", "Uma", "Vera", "Will", "Yara", "Zoe",
)  # fmt: skip
_KOREAN = (
    "도윤", "민준", "서연", "서준", "수아", "시우", "예은", "유진", "은우", "지민", "지아", "지우", "지훈", "채원",
    "하린", "하준", "현우", "혜진",
)  # fmt: skip


@dataclass(frozen=True)
class Place:
    """A city with its share of the people and its distance from UTC in hours."""

    city: str
    share: float
    utc_offset: int
    time_zone: str
    language: str
    names: tuple[str, ...]


PLACES = (
    Place("New York", 0.20, -5, "America/New_York", "en", _ENGLISH),
    Place("Seoul", 0.22, 9, "Asia/Seoul", "ko", _KOREAN),
    Place("Busan", 0.08, 9, "Asia/Seoul", "ko", _KOREAN),
    Place("London", 0.14, 0, "Europe/London", "en", _ENGLISH),
    Place("Berlin", 0.10, 1, "Europe/Berlin", "en", _ENGLISH),
    Place("San Francisco", 0.14, -8, "America/Los_Angeles", "en", _ENGLISH),
    Place("Toronto", 0.12, -5, "America/Toronto", "en", _ENGLISH),
)
