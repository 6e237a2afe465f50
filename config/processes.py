"""The processes of one installation on one machine: started together, kept running, stopped together."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from typing import IO, Any

from django.conf import settings
from django.db import connections
from honcho.manager import Manager
from honcho.printer import Printer
from honcho.process import Process

from config import embedded

# Long enough for a worker to finish a short task; a longer one is delivered again after the next start.
STOP_SECONDS = 20
# A program that ends by itself is started again: after this pause, and twice as long each time it ends again before it
# has run for STEADY_SECONDS. After so many times in a row something else is wrong than bad luck.
PAUSE_SECONDS = 0.5
STEADY_SECONDS = 30
MOST_FAILURES = 5
WEB_WORKERS = 2
LIVE_QUEUE = "live"
# Celery tells root at length, and per worker, what `manage.py up` has told already.
_ENVIRONMENT = {"PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "ignore:You're running the worker"}


class PortTakenError(Exception):
    """Another program listens where the web server should; the message names the setting to change."""


@dataclass(frozen=True)
class Program:
    """A program to keep running; `name` begins each line of its output."""

    name: str
    command: tuple[str, ...]


def standard_programs() -> list[Program]:
    """The web server, the workers and the scheduler.

    Live work has a worker of its own: a long training must not keep a message waiting.
    """
    from config.celery import app

    routed = {route["queue"] for route in (app.conf.task_routes or {}).values() if "queue" in route}
    others = sorted((routed | {app.conf.task_default_queue}) - {LIVE_QUEUE})
    return [
        Program("web", _web_command()),
        Program("live", _worker_command("live", [LIVE_QUEUE], settings.WORKER_CONCURRENCY)),
        Program("worker", _worker_command("worker", others, max(1, settings.WORKER_CONCURRENCY // 2))),
        Program("beat", _celery("beat", "--schedule", str(settings.STATE_DIR / "beat-schedule"), "--pidfile=")),
    ]


def serve(*, programs: list[Program], on_ready: Callable[[], int | None] | None = None) -> int:
    """Run the programs until a signal asks to stop; returns an exit code.

    One that ends by itself is started again, unless it keeps ending: then everything is stopped.
    `on_ready` is called once, in a thread, when `/readyz` answers 200. An integer that it returns stops
    everything and becomes the exit code; an exception does so with 1. Callers hold `embedded.running()`.
    Raises PortTakenError.
    """
    _require_free_port()
    connections.close_all()  # the watching processes are forked, and must not share a connection
    manager = _Manager(on_ready)
    for program in programs:
        manager.add_process(
            program.name,
            f"exec {shlex.join(program.command)}",
            env={**os.environ, **_ENVIRONMENT},
            cwd=str(settings.BASE_DIR),
        )
    return manager.run()


def _web_command() -> tuple[str, ...]:
    options = {
        "--interface": "wsgi",
        "--host": settings.WEB_HOST,
        "--port": str(settings.WEB_PORT),
        "--workers": str(WEB_WORKERS),
        "--blocking-threads": str(settings.WEB_THREADS),
        "--workers-kill-timeout": "10",
    }
    flat = [part for option in options.items() for part in option]
    return (
        sys.executable,
        "-m",
        "granian",
        *flat,
        "--no-ws",
        "--respawn-failed-workers",
        "config.wsgi:application",
    )


def _worker_command(name: str, queues: list[str], concurrency: int) -> tuple[str, ...]:
    return _celery(
        "worker",
        f"--hostname={name}@%h",
        f"--queues={','.join(queues)}",
        f"--concurrency={concurrency}",
        f"--loglevel={settings.LOG_LEVEL}",
        "--without-gossip",
        "--without-mingle",
    )


def _celery(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "celery", "--app=config.celery", "--quiet", *arguments)


def _local_address() -> tuple[str, int]:
    """Where this machine reaches the web server: an address that listens everywhere is not one to call."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(settings.WEB_HOST, settings.WEB_HOST)  # noqa: S104
    return host, settings.WEB_PORT


def _require_free_port() -> None:
    host, port = _local_address()
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise PortTakenError(
            f"Nunchi cannot listen on {host}:{port}: {error.strerror}. Stop what uses it, or set "
            "NUNCHI_WEB_PORT (and NUNCHI_WEB_HOST) to something free."
        ) from error


class _Manager(Manager):
    """Honcho's manager, with a readiness call, a time to stop in, and programs and servers that are started again."""

    _terminating = False

    def __init__(self, on_ready: Callable[[], int | None] | None) -> None:
        super().__init__(_Printer(sys.stdout))
        # Watchers wait for the end of this pipe: it comes when we close it, and when we die.
        orders, self._lifeline = multiprocessing.Pipe(duplex=False)
        self._process_ctor = partial(_Watched, orders, self._lifeline)
        self._on_ready = on_ready
        self._closing = threading.Event()
        self._keeper = threading.Thread(target=self._keep_servers, daemon=True)
        self._exit_code = 0

    def run(self) -> int:
        numbers = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT)
        handlers = {number: signal.getsignal(number) for number in numbers}
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
        try:
            self.loop()
        finally:
            self._closing.set()
            # Before the caller stops the embedded servers: a late look would start them again.
            if self._keeper.is_alive():
                self._keeper.join()
            for number, handler in handlers.items():
                signal.signal(number, handler)
        return self._exit_code

    def _start(self) -> None:
        super()._start()
        # Threads begin after the forks, which would copy their locks in any state.
        threading.Thread(target=self._await_readiness, daemon=True).start()
        self._keeper.start()

    def terminate(self) -> None:
        if self._terminating:
            return
        self._terminating = True
        ended = {name: found["returncode"] for name, found in self._processes.items() if "returncode" in found}
        if ended and not self._closing.is_set():
            name, code = next(iter(ended.items()))
            self._exit_code = code if code > 0 else 1  # none of them should end, not even with success
            self._system_print(f"{name} keeps ending; stopping everything.\n")
        self._closing.set()
        self._lifeline.close()

    def kill(self) -> None:
        """Honcho kills five seconds after the first stop, which is too soon; the watchers do it in time."""

    def _await_readiness(self) -> None:
        host, port = _local_address()
        url = f"http://[{host}]:{port}/readyz" if ":" in host else f"http://{host}:{port}/readyz"
        waited = 0.0
        while (answer := _get(url)) != "200":
            if self._closing.wait(0.25):
                return
            waited += 0.25
            if waited % 30 == 0:
                self._system_print(f"Still not ready after {waited:.0f} s; {url} answers: {answer}\n")
        if self._on_ready is None:
            return
        try:
            code = self._on_ready()
        except Exception:
            self._system_print(traceback.format_exc())
            code = 1
        if code is not None:
            self._exit_code = code
            self._closing.set()
            self.terminate()

    def _keep_servers(self) -> None:
        while not self._closing.wait(5):
            try:
                embedded.start_missing(settings.STATE_DIR)
            except embedded.EmbeddedError as error:
                self._system_print(f"{error}\n")


class _Printer(Printer):
    """Output that cannot be written, as on a full disk, is lost; the programs go on."""

    def write(self, message: Any) -> None:
        with suppress(OSError):
            super().write(message)


class _Watched(Process):
    """Starts a program, again if it ends, and stops it when the supervisor says so or is no more."""

    _child: Any = None

    def __init__(self, orders: Connection, lifeline: Connection, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._orders, self._lifeline = orders, lifeline

    def run(self, events: Any = None, ignore_signals: bool = False) -> None:
        self._events = events
        self._lifeline.close()  # our copy: the supervisor's alone keeps the pipe open
        # Handled rather than ignored: what is ignored here would be ignored by the program as well.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        self._lock, self._over = threading.Lock(), threading.Event()
        threading.Thread(target=self._follow, daemon=True).start()
        failures = 0
        while True:
            began = time.monotonic()
            code = self._run_once()
            failures = 1 if time.monotonic() - began > STEADY_SECONDS else failures + 1
            if self._over.is_set() or failures == MOST_FAILURES:
                break
            pause = PAUSE_SECONDS * 2 ** (failures - 1)
            self._send_message(f"ended by itself (code {code}); starting it again in {pause:.1f} s\n".encode())
            if self._over.wait(pause):
                break
        self._send_message({"returncode": code}, type="stop")

    def _run_once(self) -> int:
        """Run the program to its end; returns its code."""
        with self._lock:
            if self._child is not None and self._over.is_set():
                return int(self._child.returncode)
            self._child = child = self._child_ctor(self.cmd, env=self.env, cwd=self.cwd)
        self._send_message({"pid": child.pid}, type="start")
        reader = threading.Thread(target=self._pass_on, args=(child.stdout,), daemon=True)
        reader.start()
        code = int(child.wait())
        # What it left behind would hold its port, or work on beside its successor.
        _kill_group(child.pid)
        reader.join(timeout=5)
        return code

    def _pass_on(self, output: IO[bytes]) -> None:
        with output:
            for line in output:
                self._send_message(line)

    def _follow(self) -> None:
        multiprocessing.connection.wait([self._orders])
        with self._lock:
            self._over.set()
        if self._child is not None:
            self._child.terminate()  # the main process ends its children
            try:
                self._child.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                _kill_group(self._child.pid)


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _get(url: str) -> str:
    """The status of an HTTP answer, with its beginning when it is not 200; or why there is none."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310  (our own address)
            return str(response.status)
    except urllib.error.HTTPError as error:
        return f"{error.code} {' '.join(error.read(300).decode(errors='replace').split())}"
    except OSError as error:
        return str(error)
