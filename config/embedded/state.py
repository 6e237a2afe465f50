"""The identity of an installation's embedded servers: where they live, and their secrets."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import quote

from config.embedded.locks import FileLock

SYSTEM_HOME = Path("/var/lib/nunchi")
# The longest path a Unix socket may have is 107 bytes on Linux and 103 on macOS.
LONGEST_SOCKET_PATH = 103


class EmbeddedError(Exception):
    """The embedded Postgres or Redis cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Addresses:
    """Where the embedded servers answer; known before they run, and the same for the life of the state."""

    database_url: str = field(repr=False)
    database_owner_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    broker_url: str = field(repr=False)
    secret_key: str = field(repr=False)


@dataclass(frozen=True)
class State:
    """What is written to `state.json`, readable by its owner alone.

    `home` holds the servers' data. It is recorded because it may lie outside the state directory, and
    because the random `instance` keeps a project that is cloned anew into the same path from finding its
    predecessor's data.
    """

    instance: str
    home: str
    postgres_password: str = field(repr=False)
    owner_password: str = field(repr=False)
    app_password: str = field(repr=False)
    valkey_password: str = field(repr=False)
    secret_key: str = field(repr=False)

    @property
    def sockets(self) -> Path:
        """A short private directory: paths of sockets are limited, paths of projects are not."""
        digest = hashlib.sha256(f"{self.instance} {self.home}".encode()).hexdigest()[:12]
        return Path("/tmp") / f"nunchi-{digest}"  # noqa: S108  (owner and mode are checked before use)

    @property
    def valkey_socket(self) -> Path:
        return self.sockets / "valkey.sock"

    @property
    def admin_url(self) -> str:
        return self._postgres_url("postgres", self.postgres_password, "postgres")

    @property
    def addresses(self) -> Addresses:
        socket = quote(str(self.valkey_socket))
        return Addresses(
            database_url=self._postgres_url("nunchi_app", self.app_password, "nunchi"),
            database_owner_url=self._postgres_url("nunchi_owner", self.owner_password, "nunchi"),
            redis_url=f"unix://:{self.valkey_password}@{socket}?db=0",
            broker_url=f"redis+socket://:{self.valkey_password}@{socket}?virtual_host=0",
            secret_key=self.secret_key,
        )

    def _postgres_url(self, role: str, password: str, database: str) -> str:
        # The port is spelt out: it names the socket file, and PGPORT would otherwise change it.
        return f"postgresql://{role}:{password}@{quote(str(self.sockets), safe='')}:5432/{database}"


def default_state_dir() -> Path:
    """`NUNCHI_STATE_DIR`, or `var/state` in the project."""
    configured = os.environ.get("NUNCHI_STATE_DIR")
    return Path(configured) if configured else Path(__file__).resolve().parents[2] / "var" / "state"


def addresses(state_dir: Path | None = None) -> Addresses:
    """The addresses of this installation's servers; creates their state when missing, starts nothing."""
    return read_or_create_state(state_dir=state_dir).addresses


def read_or_create_state(*, state_dir: Path | None = None) -> State:
    """Processes that come at once to an empty directory all get the same state.

    Raises EmbeddedError when the directory cannot be used.
    """
    directory = (state_dir or default_state_dir()).resolve()
    path = directory / "state.json"
    try:
        if not path.exists():
            _make_state_dir(directory)
            with FileLock(directory / "state.lock") as lock:
                lock.exclusive()
                if not path.exists():
                    _write_state(path, _new_state(directory))
        content = json.loads(path.read_text())
        return State(**content)
    except PermissionError as error:
        raise EmbeddedError(
            f"{directory} belongs to another user: {error.strerror}. Use the user who first started Nunchi "
            "here, or set NUNCHI_STATE_DIR to a directory of your own."
        ) from error
    except OSError as error:
        raise EmbeddedError(
            f"{directory} cannot hold the state of Nunchi: {error}. Set NUNCHI_STATE_DIR to a directory that can."
        ) from error
    except (ValueError, TypeError) as error:
        raise EmbeddedError(
            f"{path} is damaged. Restore it from a backup: it holds the passwords of the embedded database. "
            "To begin anew without its data, remove it."
        ) from error


def reachable_by_others(path: Path) -> bool:
    """Whether any system user can get to `path` and use it."""
    return all(step.stat().st_mode & 0o001 for step in (path, *path.parents))


def _make_state_dir(directory: Path) -> None:
    if directory.is_dir():
        return
    directory.parent.mkdir(parents=True, exist_ok=True)
    # As root the servers run as another user, who passes through to a home that is private to that user.
    directory.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, exist_ok=True)


def _new_state(directory: Path) -> State:
    instance = secrets.token_hex(6)
    home = directory / "servers"
    if os.geteuid() == 0 and not reachable_by_others(directory):
        home = SYSTEM_HOME / instance
    return State(
        instance=instance,
        home=str(home),
        postgres_password=secrets.token_hex(24),
        owner_password=secrets.token_hex(24),
        app_password=secrets.token_hex(24),
        valkey_password=secrets.token_hex(24),
        secret_key=secrets.token_urlsafe(48),
    )


def _write_state(path: Path, state: State) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".state-")  # mode 0600
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(state), file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
