"""The embedded Postgres: made, started, recovered and stopped.

Callers hold the start lock (`start`) or the exclusive users' lock (`stop`); see `lifetime`.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg

from config.database_roles import BootstrapError, bootstrap
from config.embedded import liveness
from config.embedded.account import Account
from config.embedded.binaries import POSTGRES_MAJOR, postgres_binaries
from config.embedded.state import LONGEST_SOCKET_PATH, EmbeddedError, State

# After a crash the server replays its log first; on a slow disk that takes minutes, and giving up helps
# nobody.
START_SECONDS = 900
STOP_SECONDS = 120

_CONFIGURATION = """\
# Written anew at each start: change settings with ALTER SYSTEM instead.
listen_addresses = ''
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
port = 5432
max_connections = 200
password_encryption = 'scram-sha-256'
shared_buffers = '{buffers}MB'
effective_cache_size = '{cache}MB'
work_mem = '16MB'
maintenance_work_mem = '128MB'
max_wal_size = '2GB'
max_locks_per_transaction = 256  # partitioned tables take many
random_page_cost = 1.1
jit = off
dynamic_shared_memory_type = '{shared_memory}'
timezone = 'UTC'
# A week of logs at most, and no values in them: statements and details carry personal data.
logging_collector = on
log_directory = '{logs}'
log_filename = 'postgres-%a.log'
log_truncate_on_rotation = on
log_rotation_age = '1d'
log_rotation_size = 0
log_timezone = 'UTC'
log_error_verbosity = 'terse'
log_min_error_statement = 'panic'
log_parameter_max_length_on_error = 0
"""


@dataclass(frozen=True)
class Postgres:
    state: State
    home: Path
    account: Account

    @property
    def data(self) -> Path:
        return self.home / "postgres"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def pid(self) -> int | None:
        """The number of the running server process; None when it is not running."""
        pid = liveness.read_pid(self.data / "postmaster.pid")
        return pid if pid is not None and liveness.is_running(pid, mentioning=self.data) else None

    def is_ready(self) -> bool:
        """Whether the application can work with its database."""
        return _refusal(self.state.addresses.database_url) is None

    def start(self) -> None:
        """Bring the server to where the application can connect; whatever runs already is used.

        Raises EmbeddedError.
        """
        if self.pid is None:
            self._launch()
        self._await_readiness()
        if not self.is_ready():
            addresses = self.state.addresses
            try:
                bootstrap(
                    admin_url=self.state.admin_url,
                    owner_url=addresses.database_owner_url,
                    app_url=addresses.database_url,
                )
            except BootstrapError as error:
                raise EmbeddedError(f"The embedded database could not be prepared: {error}") from error

    def stop(self) -> None:
        """Stop cleanly: open sessions end, all is on disk."""
        pid = self.pid
        if pid is None:
            return
        os.kill(pid, signal.SIGINT)
        if not liveness.wait_until_gone(pid, mentioning=self.data, seconds=STOP_SECONDS):
            _tell("The embedded Postgres does not stop; stopping it at once. It will recover when next started.")
            os.kill(pid, signal.SIGQUIT)
            liveness.wait_until_gone(pid, mentioning=self.data, seconds=10)

    def _launch(self) -> None:
        socket = self.state.sockets / ".s.PGSQL.5432"
        assert len(os.fsencode(socket)) <= LONGEST_SOCKET_PATH
        self.account.make_private_directory(self.state.sockets)
        self.account.make_private_directory(self.logs)
        binaries = postgres_binaries(home=self.home, account=self.account)
        if not self.data.exists():
            self._create_data(binaries)
        self._check_version()
        self._forget_stranger(self.data / "postmaster.pid")
        self._forget_stranger(socket.with_name(f"{socket.name}.lock"))
        self.account.write(
            self.data / "postgresql.conf",
            _CONFIGURATION.format(
                sockets=self.state.sockets, logs=self.logs, shared_memory=_shared_memory_type(), **_memory()
            ),
        )
        self._start_program(binaries)

    def _create_data(self, binaries: Path) -> None:
        _tell(f"Creating the embedded database in {self.home} …")
        # Made under another name, so that being killed half-way leaves nothing that looks finished.
        unfinished = self.home / "postgres.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        password = self.home / "initial-password"
        self.account.write(password, self.state.postgres_password)
        try:
            result = self.account.run(
                [
                    str(binaries / "initdb"),
                    f"--pgdata={unfinished}",
                    "--username=postgres",
                    f"--pwfile={password}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    "--locale-provider=builtin",
                    "--builtin-locale=C.UTF-8",
                    "--locale=C",
                    "--data-checksums",
                ],
                cwd=self.home,
            )
        finally:
            password.unlink(missing_ok=True)
        if result.returncode:
            raise EmbeddedError(f"The embedded database could not be created in {self.home}:\n{result.stdout}")
        unfinished.rename(self.data)

    def _check_version(self) -> None:
        version = (self.data / "PG_VERSION").read_text().strip()
        if version != str(POSTGRES_MAJOR):
            raise EmbeddedError(
                f"The data in {self.data} are of Postgres {version}; this version of Nunchi starts "
                f"Postgres {POSTGRES_MAJOR}. See docs/operating.md for how to move them."
            )

    def _forget_stranger(self, path: Path) -> None:
        """Remove a lock file whose process number now belongs to something else, which the server would
        respect.

        That of a dead server stays: Postgres looks through it for surviving sessions before it replaces it.
        """
        pid = liveness.read_pid(path)
        if pid is not None and liveness.exists(pid) and not liveness.is_running(pid, mentioning=self.data):
            path.unlink(missing_ok=True)

    def _start_program(self, binaries: Path) -> None:
        log = self.logs / "postgres-start.log"
        command = [str(binaries / "pg_ctl"), "start", "-D", str(self.data), "-w", "-t", str(START_SECONDS)]
        command += ["-l", str(log), "-s"]
        deadline = time.monotonic() + 60
        while True:
            log.unlink(missing_ok=True)
            # The server keeps its standard output until its own logging begins, so that must not be a pipe.
            with self.account.start(command, cwd=self.home) as process:
                _wait_telling(process)
            if process.returncode == 0:
                return
            said = log.read_text(errors="replace") if log.exists() else ""
            # Sessions of a killed server end by themselves; until they have, their memory must not be
            # touched.
            if "is still in use" not in said or time.monotonic() > deadline:
                raise EmbeddedError(
                    f"The embedded Postgres did not start. It said:\n{self._last_words(said)}\nIts data: {self.data}"
                )
            time.sleep(0.2)

    def _last_words(self, said: str) -> str:
        logs = sorted(self.logs.glob("postgres-*.log"), key=lambda path: path.stat().st_mtime)
        newest = logs[-1].read_text(errors="replace") if logs else ""
        return "\n".join([*said.splitlines()[-10:], *newest.splitlines()[-10:]])

    def _await_readiness(self) -> None:
        """A server that somebody else began to start, or that lost a session just now, is recovering."""
        began = told = time.monotonic()
        while (refusal := _refusal(self.state.admin_url)) is not None:
            now = time.monotonic()
            if "password authentication failed" in refusal:
                raise EmbeddedError(
                    f"The data in {self.home} were made with other passwords than state.json holds. Restore "
                    "the state.json that belongs to them."
                )
            if self.pid is None:
                raise EmbeddedError(f"The embedded Postgres ended while starting:\n{self._last_words('')}")
            if now - began > START_SECONDS:
                raise EmbeddedError(f"The embedded Postgres does not answer; its logs are in {self.logs}.")
            if now - told > 5:
                told = now
                _tell(f"Waiting for the embedded Postgres to recover ({now - began:.0f} s) …")
            time.sleep(0.1)


def _refusal(url: str) -> str | None:
    """What a connection attempt is told; None when it succeeds."""
    try:
        psycopg.connect(url, connect_timeout=5, application_name="nunchi-probe").close()
    except psycopg.OperationalError as error:
        return str(error)
    return None


def _wait_telling(process: subprocess.Popen[str]) -> None:
    began = time.monotonic()
    while True:
        try:
            process.wait(timeout=5)
            return
        except subprocess.TimeoutExpired:
            _tell(f"Waiting for the embedded Postgres to recover ({time.monotonic() - began:.0f} s) …")


def _memory() -> dict[str, int]:
    """An eighth of the machine's memory for pages in use (taken as they are), up to 4 GB; in MB.

    People, receipts and events are touched at random: pages outside are fetched again and again.
    """
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return {"buffers": min(max(total // 8, 128), 4096), "cache": max(total // 2, 256)}


def _shared_memory_type() -> str:
    """Containers give 64 MB of /dev/shm: parallel queries would fail there, files serve instead."""
    try:
        space = os.statvfs("/dev/shm")  # noqa: S108
    except OSError:
        return "posix"
    return "posix" if space.f_frsize * space.f_blocks >= 512 * 2**20 else "mmap"


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
