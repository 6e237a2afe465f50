"""The product's own processes on the database in use, with one web worker; and how much processor they take."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import redis
from django.conf import settings

from benchmarks import databases
from config import embedded, processes
from config.celery import app
from config.processes import Program, standard_programs

READY_SECONDS = 120


class ProcessEnded(Exception):
    """A process of the product ended or never answered; the message has its last words."""


@dataclass
class Installation:
    """What runs."""

    port: int
    pids: dict[str, int]
    _began: float = 0.0
    _before: dict[str, float] = field(default_factory=dict)

    def start_clock(self) -> None:
        """From here on processor time counts."""
        self._began, self._before = time.perf_counter(), self._seconds()

    def processors(self) -> dict[str, float]:
        """Processors busy since the clock was started, by whom; empty where the system does not tell."""
        passed = time.perf_counter() - self._began
        return {name: round((spent - self._before[name]) / passed, 2) for name, spent in self._seconds().items()}

    def _seconds(self) -> dict[str, float]:
        """Processor seconds so far of each program, of the database and of ourselves, who send the load."""
        if not Path("/proc/self/stat").exists():
            return {}
        # A program leads its session; sessions of the database are children of its server process.
        spent = {name: _spent_by(lambda stat, pid=pid: stat.session == pid) for name, pid in self.pids.items()}
        postgres = embedded.status(settings.STATE_DIR).postgres_pid
        spent["postgres"] = _spent_by(lambda stat: postgres in (stat.pid, stat.parent))
        return spent | {"load": time.process_time()}


@contextmanager
def running(*names: str) -> Iterator[Installation]:
    """Run some of the standard programs (`web`, `live`, `worker`, `beat`); raises ProcessEnded."""
    redis.Redis.from_url(settings.REDIS_URL).flushall()  # nudges for a database that is gone
    processes.WEB_WORKERS = 1
    settings.WEB_PORT = _free_port()
    with ExitStack() as stack:
        pids = {
            program.name: stack.enter_context(_process(program))
            for program in standard_programs()
            if program.name in names
        }
        _await(lambda: "web" not in names or _web_is_ready(settings.WEB_PORT))
        workers = len({"live", "worker"} & set(names))
        _await(lambda: workers == 0 or len(app.control.ping(timeout=1, limit=workers)) == workers)
        yield Installation(settings.WEB_PORT, pids)


def _environment() -> Mapping[str, str]:
    return os.environ | {
        "DATABASE_URL": databases.application_url(),
        "DATABASE_OWNER_URL": settings.DATABASE_OWNER_URL,
        "REDIS_URL": settings.REDIS_URL,
        "NUNCHI_BROKER_URL": settings.BROKER_URL,
        "NUNCHI_SECRET_KEY": settings.SECRET_KEY,
        "NUNCHI_STATE_DIR": str(settings.STATE_DIR),
        "PYTHONWARNINGS": "ignore:You're running the worker",
    }


@contextmanager
def _process(program: Program) -> Iterator[int]:
    """One program in a session of its own, which ends with it."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            program.command,
            cwd=settings.BASE_DIR,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process.pid
        finally:
            has_ended = process.poll() is not None
            _end(process)
            if has_ended:
                output.seek(0)
                said = output.read().decode(errors="replace").splitlines()[-20:]
                raise ProcessEnded(f"{program.name} ended by itself. It said:\n" + "\n".join(said))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to stop; whoever of its session is left after that is killed."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=processes.STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _await(is_ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not is_ready():
        if time.monotonic() > deadline:
            raise ProcessEnded(f"The product's processes were not ready after {READY_SECONDS} s.")
        time.sleep(0.1)


def _web_is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class _Stat:
    pid: int
    parent: int
    session: int
    seconds: float
    """Its own and those of its children that have ended."""


def _spent_by(is_meant: Callable[[_Stat], bool]) -> float:
    return sum(stat.seconds for stat in _all_stats() if is_meant(stat))


def _all_stats() -> Iterator[_Stat]:
    ticks = os.sysconf("SC_CLK_TCK")
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        yield _Stat(int(path.parent.name), int(fields[1]), int(fields[3]), sum(map(int, fields[11:15])) / ticks)
