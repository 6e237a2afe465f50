"""An installation of its own: separate processes, kept running as an init system would, in a temporary directory."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psycopg

from config import embedded
from config.embedded.state import State, read_or_create_state

ROOT = Path(__file__).resolve().parents[2]
RESTART_SECONDS = 0.5
_PREPARE = """
import json, sys, django
django.setup()
from django.core.management import call_command
from config.processes import standard_programs
from tenants.founding import found_tenant
from tenants.keys import create_key
from tenants.models import User
from tenants.scope import tenant_scope
call_command("migrate", verbosity=0)
tenants = {}
for name in sys.argv[1:]:
    tenant = found_tenant(name=name, owner=User.objects.create_user(f"owner@{name}.example"))
    with tenant_scope(tenant.pk):
        tenants[name] = {"tenant": str(tenant.pk)}
        tenants[name] |= {f"{kind}_key": create_key(name=kind, kind=kind)[1] for kind in ("write", "server")}
programs = {program.name: program.command for program in standard_programs()}
print(json.dumps({"tenants": tenants, "programs": programs}))
"""


@dataclass
class Program:
    """One process of the installation, with whatever it starts: they live and end as one group."""

    name: str
    command: list[str]
    log: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    _output: IO[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        self._output = self.log.open("ab")
        self.process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.starts += 1

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def has_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def bury(self) -> None:
        """End whatever the ended process left behind."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        if self._output is not None:
            self._output.close()

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.bury()

    def family(self) -> list[int]:
        """The numbers of the process and of all its descendants."""
        return [self.pid, *descendants_of(self.pid)]


class Installation:
    """Postgres, Valkey, a web server, two workers and two schedulers at once; whatever ends is started again."""

    def __init__(self, directory: Path, port: int) -> None:
        self.state_dir = directory / "state"
        self.logs = directory / "logs"
        self.logs.mkdir()
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")},
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "NUNCHI_STATE_DIR": str(self.state_dir),
            "NUNCHI_WEB_PORT": str(port),
            "NUNCHI_LOG_LEVEL": "INFO",
            "PYTHONPATH": str(ROOT),
        }
        self.programs: dict[str, Program] = {}
        self.tenants: dict[str, dict[str, str]] = {}
        """By name: the tenant's id, its write key and its server key."""
        self.gave_up: Counter[str] = Counter()
        """Programs that ended by themselves, rather than by a signal of ours."""
        self._closing = threading.Event()
        self._keepers = [threading.Thread(target=self._keep_programs), threading.Thread(target=self._keep_servers)]

    @property
    def state(self) -> State:
        return read_or_create_state(state_dir=self.state_dir)

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of manage.py to its end."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self, *tenants: str) -> None:
        """Migrate, make these tenants, start the programs and what starts them again."""
        prepared = subprocess.run(
            [sys.executable, "-c", _PREPARE, *tenants],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert prepared.returncode == 0, prepared.stderr
        known = json.loads(prepared.stdout)
        self.tenants = known["tenants"]
        commands = known["programs"]
        commands["beat2"] = [f"{part}-2" if part.endswith("beat-schedule") else part for part in commands["beat"]]
        for name, command in commands.items():
            self.programs[name] = Program(name, command, self.logs / f"{name}.log", self.environment)
            self.programs[name].start()
        for keeper in self._keepers:
            keeper.start()

    def stop(self) -> None:
        self._closing.set()
        for keeper in self._keepers:
            if keeper.is_alive():
                keeper.join()
        for program in self.programs.values():
            program.stop()

    def readiness(self) -> dict[str, object] | None:
        """What /readyz says; None when nobody answers."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as response:
                return dict(json.loads(response.read()))
        except (OSError, ValueError):
            return None

    def wait_until(self, is_so: Callable[[], bool], *, seconds: float) -> float:
        """How long it took; raises TimeoutError with the end of every log."""
        began = time.monotonic()
        while not is_so():
            if time.monotonic() - began > seconds:
                raise TimeoutError(f"not so after {seconds} s: {self.readiness()}\n{self.last_words()}")
            time.sleep(0.2)
        return time.monotonic() - began

    def last_words(self) -> str:
        return "\n".join(
            f"--- {path.name}\n{path.read_text(errors='replace')[-1500:]}" for path in sorted(self.logs.glob("*.log"))
        )

    @contextmanager
    def database(self) -> Iterator[psycopg.Connection]:
        """The owner's connection: no policy binds it."""
        with psycopg.connect(self.state.addresses.database_owner_url, autocommit=True) as connection:
            yield connection

    def _keep_programs(self) -> None:
        while not self._closing.wait(0.1):
            for program in self.programs.values():
                if program.has_ended:
                    program.bury()
                    if program.process is not None and program.process.returncode != -signal.SIGKILL:
                        self.gave_up[program.name] += 1
                    if not self._closing.wait(RESTART_SECONDS):
                        program.start()

    def _keep_servers(self) -> None:
        while not self._closing.wait(0.5):
            with suppress(embedded.EmbeddedError):  # it is tried again
                embedded.start_missing(self.state_dir)


@contextmanager
def installation(*tenants: str) -> Iterator[Installation]:
    """An installation with these tenants, whose programs run; all of it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="nunchi-faults-") as name:
        directory = Path(name)
        directory.chmod(0o755)  # the servers of root run as another user
        with embedded.running(directory / "state"):
            house = Installation(directory, _free_port())
            try:
                house.start(*tenants)
                yield house
            finally:
                house.stop()
        home = Path(house.state.home)
        if home.exists():
            shutil.rmtree(home)


def descendants_of(pid: int) -> list[int]:
    listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)
    children: dict[int, list[int]] = {}
    for line in listing.stdout.splitlines():
        child, parent = map(int, line.split())
        children.setdefault(parent, []).append(child)
    found, waiting = [], [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def limit_files(pids: list[int], limit: int) -> None:
    """Let no file of these processes grow beyond so many bytes: writing fails as on a full disk."""
    for pid in pids:
        with suppress(ProcessLookupError):
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, hard))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
