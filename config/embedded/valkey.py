"""The embedded Valkey, the open continuation of Redis.

Nothing is kept on disk: its messages are nudges for work that is recorded in Postgres, its cache can be made
anew. Callers hold the start lock (`start`) or the exclusive users' lock (`stop`); see `lifetime`.
"""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.embedded import liveness
from config.embedded.account import Account
from config.embedded.binaries import valkey_binary
from config.embedded.state import LONGEST_SOCKET_PATH, EmbeddedError, State

START_SECONDS = 30
LONGEST_LOG_BYTES = 5 * 2**20

_CONFIGURATION = """\
port 0
unixsocket {socket}
unixsocketperm 700
requirepass {password}
daemonize yes
pidfile {pidfile}
dir {directory}
logfile {log}
loglevel warning
always-show-logo no
save ""
appendonly no
maxmemory 512mb
maxmemory-policy noeviction
"""


@dataclass(frozen=True)
class Valkey:
    state: State
    home: Path
    account: Account

    @property
    def directory(self) -> Path:
        return self.home / "valkey"

    @property
    def pid(self) -> int | None:
        """The number of the running server process; None when it is not running."""
        pid = liveness.read_pid(self.directory / "valkey.pid")
        running = pid is not None and liveness.is_running(pid, mentioning=self.state.valkey_socket)
        return pid if running else None

    def is_ready(self) -> bool:
        client = redis.Redis.from_url(
            self.state.addresses.redis_url,
            socket_timeout=2,
            socket_connect_timeout=2,
            retry=Retry(NoBackoff(), 0),
        )
        try:
            return bool(client.ping())
        except redis.AuthenticationError as error:
            raise EmbeddedError(f"The server at {self.state.valkey_socket} has another password than ours.") from error
        except redis.RedisError:
            return False
        finally:
            client.close()

    def start(self) -> None:
        """Bring the server to where it answers; one that runs already is used. Raises EmbeddedError."""
        if self.pid is None:
            self._launch()
        deadline = time.monotonic() + START_SECONDS
        while not self.is_ready():
            if time.monotonic() > deadline:
                log = self.directory / "valkey.log"
                said = log.read_text(errors="replace").splitlines()[-10:] if log.exists() else []
                raise EmbeddedError("The embedded Redis did not start. It said:\n" + "\n".join(said))
            time.sleep(0.02)

    def stop(self) -> None:
        pid = self.pid
        if pid is None:
            return
        os.kill(pid, signal.SIGTERM)
        if not liveness.wait_until_gone(pid, mentioning=self.state.valkey_socket, seconds=10):
            os.kill(pid, signal.SIGKILL)
            liveness.wait_until_gone(pid, mentioning=self.state.valkey_socket, seconds=10)

    def _launch(self) -> None:
        assert len(os.fsencode(self.state.valkey_socket)) <= LONGEST_SOCKET_PATH
        self.account.make_private_directory(self.state.sockets)
        self.account.make_private_directory(self.directory)
        log = self.directory / "valkey.log"
        if log.exists() and log.stat().st_size > LONGEST_LOG_BYTES:
            log.unlink()
        configuration = self.directory / "valkey.conf"
        # The password stands in this file: a command line can be read by every user of the machine.
        self.account.write(
            configuration,
            _CONFIGURATION.format(
                socket=self.state.valkey_socket,
                password=self.state.valkey_password,
                pidfile=_quoted(self.directory / "valkey.pid"),
                directory=_quoted(self.directory),
                log=_quoted(log),
            ),
        )
        binary = valkey_binary(home=self.home, account=self.account)
        result = self.account.run([str(binary), str(configuration)], cwd=self.directory)
        if result.returncode:
            raise EmbeddedError(f"The embedded Redis could not be started:\n{result.stdout}")


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
