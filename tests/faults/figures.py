"""A proof's figures: kept as JSON beside this module, and told in docs/reliability.md under “Faults”."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

RUN = Path(__file__).with_name("figures.json")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
_SECTION = re.compile(r"^## Faults\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def keep(run: dict[str, Any]) -> None:
    """Write both."""
    RUN.write_text(json.dumps(run, indent=2) + "\n")
    page = PAGE.read_text() if PAGE.exists() else "# Reliability\n\n## Faults\n"
    if not _SECTION.search(page):
        page = page.rstrip() + "\n\n## Faults\n"
    PAGE.write_text(_SECTION.sub(lambda _: render(run), page))


def section_of(page: str) -> str:
    found = _SECTION.search(page)
    return found[0] if found else ""


def render(run: dict[str, Any]) -> str:
    """The section of the page."""
    faults, clients, compared, seconds = run["faults"], run["clients"], run["compared"], run["seconds"]
    memberships, decisions = run["audit"]["memberships"], run["audit"]["decisions"]
    rows: list[tuple[str, int]] = [
        ("items sent by the clients", clients["items_sent"]),
        ("requests that failed or whose answer was lost, and were sent again", clients["requests_failed"]),
        ("batches sent again though they had been answered", clients["batches_sent_again"]),
        ("items acknowledged with 200", clients["items_accepted"]),
        ("of them events: each looked for in the store", compared["events_compared"]),
        ("events stored", compared["events_stored"]),
        ("segments redefined meanwhile", clients["definitions_changed"]),
        ("programs started again by the init system", sum(run["restarts"].values())),
        (
            "of them programs that ended by themselves, as decision 9 says",
            sum(run["gave_up"].values()),
        ),
        ("memberships compared with recomputation", memberships["memberships_compared"]),
        ("memberships judged by the naive evaluator", compared["memberships_judged"]),
        ("entries and exits whose turns were checked", memberships["changes_read"]),
        ("traits compared with what was sent last", compared["traits_compared"]),
        ("questions answered", clients["questions"]),
        ("decisions in the ledger", decisions["decisions"]),
        ("exposures compared with the clients' own records", compared["exposures_compared"]),
        ("caps counted in the ledger, each at every exposure of a person", compared["caps_counted"]),
        ("assignments of an arm compared over all decisions", compared["assignments_compared"]),
        ("**contradictions**", len(run["contradictions"])),
    ]
    return f"""## Faults

`make proof` starts an installation of its own (web server, live worker, other worker, two schedulers at once, PostgreSQL,
Valkey, each started again by an init system when it ends) with {run["tenants"]} tenants, each with live segments (counts, an
absence within seconds, a trait, a short window, one naming others) and campaigns with rolling, session and lifetime caps.
Clients send, ask and report as SDKs do: the same message id until the answer is 200, some answers lost on the way, people
signing in from new devices; somebody keeps redefining a segment. Meanwhile faults strike at random instants. Then the load
stops, the work catches up, and everything is compared: by `manage.py audit --all`, and by code that knows only what the
clients remember and what is stored.

Run of {run["date"]}, seed {run["seed"]}, {run["cores"]} cores shared by the clients: **{sum(faults.values())} faults in
{seconds["faults"] / 60:.1f} minutes**, caught up after {seconds["catching up"]:.1f} seconds, {seconds["all"] / 60:.1f} minutes in all.

| compared | number |
|---|---|
{_table(rows)}

| fault | times |
|---|---|
{_table(sorted(faults.items()))}

A full disk is the one behind the logs: what cannot be written there is lost, and no request or task fails for it. A broker
that loses everything costs nothing but time, because nudges carry no facts and sweeps find the work. Not tried: a full disk
behind the database's own files, and disks that lose what they have acknowledged.
"""  # noqa: E501


def _table(rows: list[tuple[str, int]]) -> str:
    return "\n".join(f"| {name} | {value:,} |" for name, value in rows)
