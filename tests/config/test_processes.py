"""The supervisor, with small programs in place of the web server and the workers."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Announces its number, and answers /readyz.
WEB = """
import http.server, os
print("web has number", os.getpid(), flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *arguments):
        pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["NUNCHI_WEB_PORT"])), Handler).serve_forever()
"""
IDLE = "import os, time; print('idle has number', os.getpid(), flush=True); time.sleep(600)"
ANNOUNCE = "print('on_ready was called', flush=True)"
SUPERVISE = """
import sys
import django
django.setup()
from config import processes
from config.processes import PortTakenError, Program, serve
processes.PAUSE_SECONDS = {pause}
programs = [
    Program("web", (sys.executable, "-c", {web!r})),
    Program("idle", (sys.executable, "-c", {idle!r})),
]
def on_ready():
    {on_ready}
try:
    sys.exit(serve(programs=programs, on_ready=on_ready))
except PortTakenError as error:
    sys.exit(str(error))
"""


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def supervisor(
    tmp_path: Path, port: int, *, idle: str = IDLE, on_ready: str = ANNOUNCE, pause: float = 0.05, **options: Any
) -> Iterator[subprocess.Popen[str]]:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": "postgresql://app:secret@localhost:1/none",
        "REDIS_URL": "redis://localhost:1",
        "NUNCHI_STATE_DIR": str(tmp_path / "state"),
        "NUNCHI_WEB_PORT": str(port),
    }
    with subprocess.Popen(
        [sys.executable, "-c", SUPERVISE.format(web=WEB, idle=idle, on_ready=on_ready, pause=pause)],
        cwd=ROOT,
        env=environment,
        **({"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True} | options),
    ) as process:
        overdue = threading.Timer(60, process.kill)
        overdue.start()
        try:
            yield process
        finally:
            overdue.cancel()
            process.kill()


def numbers_after_ready(process: subprocess.Popen[str], *, count: int = 2) -> dict[str, int]:
    """The programs' process numbers, once `on_ready` was called and all of them are known."""
    numbers: dict[str, int] = {}
    ready = False
    assert process.stdout is not None
    for line in process.stdout:
        ready = ready or "on_ready was called" in line
        if found := re.search(r"(\w+) has number (\d+)", line):
            numbers[found[1]] = int(found[2])
        if ready and len(numbers) == count:
            return numbers
    pytest.fail("the supervisor ended before its programs were ready")


def next_line(process: subprocess.Popen[str], pattern: str) -> re.Match[str]:
    assert process.stdout is not None
    return next(found for line in process.stdout if (found := re.search(pattern, line)))


def is_gone(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/cmdline").read_bytes() == b""
    except FileNotFoundError:
        return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_serve__asked_to_stop__stops_every_program_and_succeeds(
    tmp_path: Path, port: int, number: signal.Signals
) -> None:
    with supervisor(tmp_path, port) as process:
        programs = numbers_after_ready(process)
        process.send_signal(number)
        process.communicate()

    assert process.returncode == 0
    assert all(is_gone(program) for program in programs.values())


def test_serve__on_ready_returns_a_code__stops_with_it(tmp_path: Path, port: int) -> None:
    with supervisor(tmp_path, port, on_ready=f"{ANNOUNCE}; return 7") as process:
        programs = numbers_after_ready(process)
        process.communicate()

    assert process.returncode == 7
    assert all(is_gone(program) for program in programs.values())


def test_serve__on_ready_fails__stops_and_shows_why(tmp_path: Path, port: int) -> None:
    with supervisor(tmp_path, port, on_ready="raise RuntimeError('no data')") as process:
        output, _ = process.communicate()

    assert process.returncode == 1
    assert "RuntimeError: no data" in output


def test_serve__a_program_is_killed__is_started_again_without_its_leftovers(tmp_path: Path, port: int) -> None:
    """Planted bug: what the killed program had started lives on (seen to fail)."""
    child = "import subprocess, sys; c = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
    tell = "print('leftover has number', c.pid, flush=True)"
    with supervisor(tmp_path, port, idle=f"{child}; {tell}; {IDLE}") as process:
        numbers = numbers_after_ready(process, count=3)
        os.kill(numbers["idle"], signal.SIGKILL)
        again = int(next_line(process, r"idle has number (\d+)")[1])
        leftover_is_gone = is_gone(numbers["leftover"])
        process.terminate()
        process.communicate()

    assert again != numbers["idle"]
    assert leftover_is_gone
    assert process.returncode == 0


def test_serve__a_program_keeps_ending__stops_the_others_and_fails(tmp_path: Path, port: int) -> None:
    with supervisor(tmp_path, port, idle="print('gone')") as process:
        output, _ = process.communicate()

    assert process.returncode == 1
    assert output.count("| gone") == 5
    assert "idle keeps ending; stopping everything." in output


def test_serve__asked_to_stop_between_two_starts__stops_at_once(tmp_path: Path, port: int) -> None:
    with supervisor(tmp_path, port, idle="print('gone')", pause=600) as process:
        next_line(process, "starting it again in 600.0 s")
        process.terminate()
        process.communicate()

    assert process.returncode == 0


def test_serve__output_cannot_be_written__goes_on(tmp_path: Path, port: int) -> None:
    """Planted bug: honcho's own printer, whose error ends the supervisor (seen to fail)."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    marker = tmp_path / "ready"
    on_ready = f"import pathlib; pathlib.Path({str(marker)!r}).touch(); return None"
    with open("/dev/full", "w") as full, supervisor(tmp_path, port, on_ready=on_ready, stdout=full) as process:
        while not marker.exists() and process.poll() is None:
            time.sleep(0.05)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as response:
            answer = response.status
        process.terminate()
        process.wait()

    assert answer == 200
    assert marker.exists()


def test_serve__supervisor_killed__its_programs_stop_too(tmp_path: Path, port: int) -> None:
    with supervisor(tmp_path, port) as process:
        programs = numbers_after_ready(process)
        process.kill()
        process.wait()
        # Their output ends when the last of them has ended.
        process.communicate()

    assert all(is_gone(program) for program in programs.values())


def test_serve__port_in_use__says_which_setting_to_change(tmp_path: Path, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)), supervisor(tmp_path, port) as process:
        output, _ = process.communicate()

    assert process.returncode == 1
    assert f"127.0.0.1:{port}" in output
    assert "NUNCHI_WEB_PORT" in output


def test_standard_programs__every_queue__has_a_worker() -> None:
    from config.celery import app
    from config.processes import standard_programs

    programs = {program.name: " ".join(program.command) for program in standard_programs()}

    consumed = {
        queue
        for command in programs.values()
        for part in command.split()
        if part.startswith("--queues=")
        for queue in part.removeprefix("--queues=").split(",")
    }
    assert consumed >= {route["queue"] for route in app.conf.task_routes.values()} | {"default"}
    assert set(programs) == {"web", "live", "worker", "beat"}
