"""The demo's own record, `var/demo.json`: where it is, how to sign in, its keys and what it made."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

from django.conf import settings


@dataclass(frozen=True)
class Record:
    """Everything that a visitor, a test or the shop page needs; instants in ISO 8601."""

    tenant: str
    email: str
    password: str
    write_key: str
    server_key: str
    simulated_at: str
    url: str = ""
    is_filled: bool = False
    campaigns: dict[str, str] = field(default_factory=dict)
    """Campaign ids by their use: `cart`, `help`, `simulated`."""


def record_path() -> Path:
    return settings.DEMO_DIR / "demo.json"


def truth_path() -> Path:
    return settings.DEMO_DIR / "demo-truth.json"


def find_record() -> Record | None:
    """The record of an earlier run; None where there is none, or one of another shape."""
    try:
        return Record(**json.loads(record_path().read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write_record(record: Record) -> None:
    """Keep the record; for its owner alone, since it holds a password and a server key."""
    write_privately(record_path(), json.dumps(asdict(record), indent=2) + "\n")


def write_privately(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".demo-")  # mode 0600
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(temporary, path)
