"""What a measure yields: a figure beside its reference, or the audit that it failed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


class AuditFailed(Exception):
    """What was measured is not what should have happened, so there is no figure; the message says what differs."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One result beside its reference; `more` are further numbers of the same run."""

    name: str
    value: float
    unit: str
    reference: str
    reference_value: float
    conditions: str
    limited_by: str = ""
    more: Mapping[str, object] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        return round(self.value / self.reference_value, 3) if self.reference_value else 0.0

    def as_row(self) -> dict[str, object]:
        row: dict[str, object] = {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "reference": self.reference,
            "reference_value": self.reference_value,
            "ratio": self.ratio,
            "conditions": self.conditions,
        }
        return row | ({"limited_by": self.limited_by} if self.limited_by else {}) | dict(self.more)


def percentile(values: Sequence[float], share: float) -> float:
    """The least value that `share` of all do not exceed (nearest rank)."""
    return sorted(values)[math.ceil(share * len(values)) - 1]


def expect(holds: bool, what: str) -> None:
    """Raise AuditFailed unless it holds."""
    if not holds:
        raise AuditFailed(what)
