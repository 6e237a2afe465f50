"""What `decide` and the reports count, by reason only: never by tenant or person."""

from __future__ import annotations

from prometheus_client import Counter

DECISIONS = Counter("nunchi_decisions_total", "Questions that were answered with a message, by arm.", ["arm"])
NO_SHOWS = Counter("nunchi_no_shows_total", "Questions that were answered with nothing, by reason.", ["reason"])
REPORTS = Counter("nunchi_reports_total", "Reports of apps, by type and outcome.", ["type", "outcome"])
