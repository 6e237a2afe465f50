"""Processes of their own on the tests' database."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.db import connection
from psycopg.conninfo import make_conninfo

ROOT = Path(__file__).resolve().parents[2]


def environment() -> dict[str, str]:
    """What such a process needs to know."""
    database = connection.settings_dict
    address = make_conninfo(
        host=database["HOST"],
        port=database["PORT"] or None,
        user=database["USER"],
        password=database["PASSWORD"],
        dbname=database["NAME"],
    )
    return {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": address}


@contextmanager
def web_server(port: int) -> Iterator[str]:
    """The product's own web server, once it is ready; gives its address."""
    address = f"http://127.0.0.1:{port}"
    options = ["--interface=wsgi", "--host=127.0.0.1", f"--port={port}", "--blocking-threads=4", "--no-ws"]
    command = [sys.executable, "-m", "granian", *options, "config.wsgi:application"]
    with subprocess.Popen(command, cwd=ROOT, env=environment()) as process:
        try:
            for _ in range(600):
                assert process.poll() is None, "the web server ended before it was ready"
                if is_ready(address):
                    break
                time.sleep(0.1)
            yield address
            process.terminate()
            process.wait(timeout=60)
        finally:
            process.kill()


def is_ready(address: str) -> bool:
    with suppress(urllib.error.URLError, OSError), urllib.request.urlopen(f"{address}/readyz", timeout=5) as answer:
        return bool(answer.status == 200)
    return False
