"""Who uses the embedded servers, and so how long they run.

Every user holds the users' lock shared. Who leaves tries to take it alone; who gets it was the last, and
stops the servers. The system frees the lock of a killed user; the servers then run until the next user
leaves. Starting is ordered by a second lock, always taken after the first.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from config.embedded import account
from config.embedded.locks import FileLock
from config.embedded.postgres import Postgres
from config.embedded.state import Addresses, read_or_create_state
from config.embedded.valkey import Valkey


@dataclass(frozen=True)
class Status:
    """What runs now: process numbers, or None; and whether anybody uses the servers."""

    home: Path
    postgres_pid: int | None
    valkey_pid: int | None
    in_use: bool
    kept: bool


@dataclass(frozen=True)
class _Servers:
    home: Path
    postgres: Postgres
    valkey: Valkey

    @classmethod
    def of(cls, state_dir: Path | None) -> _Servers:
        state = read_or_create_state(state_dir=state_dir)
        home = Path(state.home)
        user = account.open_home(home)
        return cls(home, Postgres(state, home, user), Valkey(state, home, user))

    @property
    def wanted(self) -> list[Postgres | Valkey]:
        postgres, valkey = needed()
        return [*([self.postgres] if postgres else []), *([self.valkey] if valkey else [])]

    @property
    def _keep_file(self) -> Path:
        return self.home / "kept"

    @property
    def kept(self) -> bool:
        """Whether `keep` was asked of the processes that now run, not of those before a crash or reboot."""
        try:
            meant = self._keep_file.read_text().split()
        except FileNotFoundError:
            return False
        return any(str(server.pid) in meant for server in (self.postgres, self.valkey) if server.pid)

    def keep(self) -> None:
        pids = " ".join(str(server.pid) for server in (self.postgres, self.valkey))
        self.postgres.account.write(self._keep_file, pids)

    def release(self) -> None:
        self._keep_file.unlink(missing_ok=True)

    def users_lock(self) -> FileLock:
        return FileLock(self.home / "users.lock")

    def start_missing(self) -> None:
        if all(server.is_ready() for server in self.wanted):
            return
        with FileLock(self.home / "start.lock") as lock:
            lock.exclusive(waiting_for="another process that starts the embedded database")
            missing = [server for server in self.wanted if not server.is_ready()]
            for server in missing:
                server.start()

    def stop(self) -> None:
        for server in (self.valkey, self.postgres):
            server.stop()
        with suppress(OSError):
            self.postgres.state.sockets.rmdir()
        self.release()


def needed() -> tuple[bool, bool]:
    """Whether the installation leaves Postgres, and Redis, to us."""
    return not os.environ.get("DATABASE_URL"), not os.environ.get("REDIS_URL")


@contextmanager
def running(state_dir: Path | None = None) -> Iterator[Addresses]:
    """Inside, the servers that the installation leaves to us run; the last to leave, in any process, stops
    them.

    Raises EmbeddedError when one cannot be started.
    """
    if not any(needed()):
        yield read_or_create_state(state_dir=state_dir).addresses
        return
    servers = _Servers.of(state_dir)
    with servers.users_lock() as lock:
        lock.shared(waiting_for="another process that stops the embedded database")
        try:
            servers.start_missing()
            yield servers.postgres.state.addresses
        finally:
            if lock.try_exclusive() and not servers.kept:
                servers.stop()


def start_missing(state_dir: Path | None = None) -> None:
    """Start what has died while the caller holds `running`."""
    if any(needed()):
        _Servers.of(state_dir).start_missing()


def keep(state_dir: Path | None = None) -> None:
    """Start the servers and leave them running until `stop`, or until the machine restarts."""
    with running(state_dir):
        _Servers.of(state_dir).keep()


def stop(state_dir: Path | None = None) -> bool:
    """Stop what `keep` left running; False when others use it, the last of whom will stop it."""
    servers = _Servers.of(state_dir)
    servers.release()
    with servers.users_lock() as lock:
        if not lock.try_exclusive():
            return False
        servers.stop()
        return True


def status(state_dir: Path | None = None) -> Status:
    servers = _Servers.of(state_dir)
    with servers.users_lock() as lock:
        in_use = not lock.try_exclusive()
    return Status(servers.home, servers.postgres.pid, servers.valkey.pid, in_use, servers.kept)
