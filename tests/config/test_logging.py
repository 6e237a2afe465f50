"""Structured logs."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from django.test import Client

from config.logging import configure
from tests.conftest import Company

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What is logged as JSON meanwhile; the former configuration comes back."""
    root = logging.getLogger()
    former = (root.handlers, root.level)
    configure({"level": "INFO", "format": "json"})
    structlog.contextvars.clear_contextvars()
    stream = io.StringIO()
    root.handlers[0].setStream(stream)  # type: ignore[attr-defined]
    yield stream
    root.handlers, level = former
    root.setLevel(level)


def parsed(lines: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def test_log__of_our_own__is_one_json_object_with_its_fields(lines: io.StringIO) -> None:
    structlog.get_logger("segments.membership").info("segment.recomputed", segment_id="s1", people=3)

    (line,) = parsed(lines)
    assert line.pop("timestamp")
    assert line == {
        "event": "segment.recomputed",
        "level": "info",
        "logger": "segments.membership",
        "segment_id": "s1",
        "people": 3,
    }


def test_log__of_the_framework__has_the_same_form_with_its_traceback(lines: io.StringIO) -> None:
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        logging.getLogger("django.request").exception("Internal Server Error: %s", "/x")

    (line,) = parsed(lines)
    assert line["event"] == "Internal Server Error: /x"
    assert "ZeroDivisionError" in str(line["exception"])


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_log__of_an_error__never_holds_the_values_of_variables(lines: io.StringIO, log_format: str) -> None:
    configure({"level": "INFO", "format": log_format})
    logging.getLogger().handlers[0].setStream(lines)  # type: ignore[attr-defined]
    trait = "private words"
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        logging.getLogger("x").exception("broken")

    assert "ZeroDivisionError" in lines.getvalue()
    assert trait not in lines.getvalue()


@pytest.mark.django_db
def test_log__in_a_request__carries_its_id_and_tenant(lines: io.StringIO, acme: Company) -> None:
    client = Client()
    client.force_login(acme.users["owner"])

    response = client.get("/settings/members/add/nothing/")

    (line,) = [line for line in parsed(lines) if line["event"] == "Not Found: %s" or "Not Found" in str(line["event"])]
    assert line["request_id"] == response.headers["X-Request-Id"]
    assert line["tenant_id"] == str(acme.tenant.pk)
    assert line["user_id"] == str(acme.users["owner"].pk)


@pytest.mark.django_db
def test_log__in_the_next_request__forgets_the_last_one(lines: io.StringIO, acme: Company) -> None:
    client = Client()
    client.force_login(acme.users["owner"])
    client.get("/")

    Client().get("/v1/nothing")

    assert "tenant_id" not in parsed(lines)[-1]


FULL_DISK = """
import logging, resource, signal, sys
from config.logging import configure
configure({"level": "INFO", "format": "json"})
log = logging.getLogger("x")
log.info("before")
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))  # no file can grow, as on a full disk
for number in range(10_000):
    log.info("lost %d", number)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
for number in range(3):
    log.info("after")
"""


def test_log__disk_full__is_lost_and_fails_nothing_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "log"

    with path.open("w") as file:
        result = subprocess.run([sys.executable, "-c", FULL_DISK], cwd=ROOT, stderr=file, check=False)

    lines = path.read_text().splitlines()
    assert result.returncode == 0
    assert '"before"' in lines[0]
    assert '"after"' in lines[-1]
    assert len(lines) < 100
