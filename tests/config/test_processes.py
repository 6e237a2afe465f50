"""The supervisor, with small programs in place of the web server and the workers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
SUPERVISE = """
import sys
import django
django.setup()
from config.processes import PortTakenError, Program, serve
programs = [
    Program("web", (sys.executable, "-c", {web!r})),
    Program("idle", (sys.executable, "-c", {idle!r})),
]
def on_ready():
    print("on_ready was called", flush=True)
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
    tmp_path: Path, port: int, *, idle: str = IDLE, on_ready: str = "return None"
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
        [sys.executable, "-c", SUPERVISE.format(web=WEB, idle=idle, on_ready=on_ready)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        overdue = threading.Timer(60, process.kill)
        overdue.start()
        try:
            yield process
        finally:
            overdue.cancel()
            process.kill()


def numbers_after_ready(process: subprocess.Popen[str]) -> list[int]:
    """The programs' process numbers, once `on_ready` was called and both are known."""
    numbers: list[int] = []
    ready = False
    assert process.stdout is not None
    for line in process.stdout:
        ready = ready or "on_ready was called" in line
        if "has number" in line:
            numbers.append(int(line.split()[-1]))
        if ready and len(numbers) == 2:
            return numbers
    pytest.fail("the supervisor ended before its programs were ready")


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
    assert all(is_gone(program) for program in programs)


def test_serve__on_ready_returns_a_code__stops_with_it(tmp_path: Path, port: int) -> None:
    with supervisor(tmp_path, port, on_ready="return 7") as process:
        programs = numbers_after_ready(process)
        process.communicate()

    assert process.returncode == 7
    assert all(is_gone(program) for program in programs)


def test_serve__on_ready_fails__stops_and_shows_why(tmp_path: Path, port: int) -> None:
    with supervisor(tmp_path, port, on_ready="raise RuntimeError('no data')") as process:
        output, _ = process.communicate()

    assert process.returncode == 1
    assert "RuntimeError: no data" in output


def test_serve__a_program_ends__stops_the_others_and_fails(tmp_path: Path, port: int) -> None:
    with supervisor(tmp_path, port, idle="print('gone')") as process:
        output, _ = process.communicate()

    assert process.returncode == 1
    assert "idle ended by itself (code 0); stopping everything." in output


def test_serve__supervisor_killed__its_programs_stop_too(tmp_path: Path, port: int) -> None:
    with supervisor(tmp_path, port) as process:
        programs = numbers_after_ready(process)
        process.kill()
        process.wait()
        # Their output ends when the last of them has ended.
        process.communicate()

    assert all(is_gone(program) for program in programs)


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
