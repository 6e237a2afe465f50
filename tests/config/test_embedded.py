"""The embedded servers, started for real."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from kombu import Connection
from redis.backoff import NoBackoff
from redis.retry import Retry

from config import embedded
from config.embedded import account, liveness
from config.embedded.state import LONGEST_SOCKET_PATH, State, read_or_create_state
from tests.config.conftest import remove

HOLD = """
import sys
from config import embedded
with embedded.running():
    print(embedded.status().postgres_pid, flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Another process that uses the servers until its input ends; it prints the number of their Postgres."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


# --- state ------------------------------------------------------------------------------------------


def test_addresses__empty_directory__are_made_once_and_start_nothing(tmp_path: Path) -> None:
    first = embedded.addresses(tmp_path / "state")
    second = embedded.addresses(tmp_path / "state")

    assert first == second
    assert len(first.secret_key) >= 50
    assert (tmp_path / "state" / "state.json").stat().st_mode & 0o777 == 0o600
    assert not Path(read_or_create_state(state_dir=tmp_path / "state").home).exists()


def test_addresses__several_processes_at_once__agree(tmp_path: Path) -> None:
    program = "from config import embedded; print(embedded.addresses().secret_key)"
    environment = {**os.environ, "NUNCHI_STATE_DIR": str(tmp_path / "state")}

    processes = [
        subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE) for _ in range(3)
    ]
    answers = {process.communicate()[0] for process in processes}

    assert len(answers) == 1
    assert answers != {b""}


def test_addresses__shown_in_a_traceback__hide_their_passwords(tmp_path: Path) -> None:
    state = read_or_create_state(state_dir=tmp_path / "state")

    shown = repr(state) + repr(state.addresses)

    for secret in ("postgres_password", "owner_password", "app_password", "valkey_password", "secret_key"):
        assert getattr(state, secret) not in shown


def test_addresses__very_long_project_path__still_give_usable_socket_paths(tmp_path: Path) -> None:
    state = read_or_create_state(state_dir=tmp_path.joinpath(*["a-long-directory-name"] * 8))

    for socket in (state.sockets / ".s.PGSQL.5432.lock", state.valkey_socket):
        assert len(os.fsencode(socket)) <= LONGEST_SOCKET_PATH


def test_addresses__state_removed_and_made_again__share_nothing_with_the_former(tmp_path: Path) -> None:
    former = read_or_create_state(state_dir=tmp_path / "state")
    shutil.rmtree(tmp_path / "state")

    anew = read_or_create_state(state_dir=tmp_path / "state")

    assert anew.instance != former.instance
    assert anew.sockets != former.sockets
    assert anew.app_password != former.app_password


def test_addresses__damaged_state__say_what_to_do(tmp_path: Path) -> None:
    embedded.addresses(tmp_path / "state")
    (tmp_path / "state" / "state.json").write_text('{"instance": ')

    with pytest.raises(embedded.EmbeddedError, match=r"state\.json is damaged"):
        embedded.addresses(tmp_path / "state")


def test_private_directory__belongs_to_somebody_else_or_is_open__is_refused(tmp_path: Path) -> None:
    open_directory = tmp_path / "open"
    open_directory.mkdir(mode=0o755)
    ours = account.Account(os.geteuid(), os.getegid())

    with pytest.raises(embedded.EmbeddedError, match="not a private directory"):
        ours.make_private_directory(open_directory)


# --- what they let in ---------------------------------------------------------------------------------


def test_postgres__wrong_password__is_refused(servers: embedded.Addresses, state: State) -> None:
    for password in (state.app_password, state.owner_password, state.postgres_password):
        assert password in servers.database_url + servers.database_owner_url + state.admin_url

    for url in (servers.database_url, servers.database_owner_url, state.admin_url):
        right = urlsplit(url).password
        assert right is not None
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(url.replace(right, "wrong"))


def test_postgres__settings__are_private_durable_and_utf8(servers: embedded.Addresses, state: State) -> None:
    with psycopg.connect(servers.database_url) as connection:
        shown = {
            name: connection.execute(f"SHOW {name}").fetchone()[0]
            for name in (
                "listen_addresses",
                "fsync",
                "password_encryption",
                "server_encoding",
                "data_checksums",
            )
        }
        locale = connection.execute(
            "SELECT datlocprovider, datlocale FROM pg_database WHERE datname = current_database()"
        ).fetchone()

    assert shown == {
        "listen_addresses": "",
        "fsync": "on",
        "password_encryption": "scram-sha-256",
        "server_encoding": "UTF8",
        "data_checksums": "on",
    }
    assert locale == ("b", "C.UTF-8")
    assert state.sockets.stat().st_mode & 0o777 == 0o700
    assert (Path(state.home) / "postgres").stat().st_mode & 0o777 == 0o700


def test_valkey__without_password__is_refused(servers: embedded.Addresses, state: State) -> None:
    stranger = redis.Redis(unix_socket_path=str(state.valkey_socket), retry=Retry(NoBackoff(), 0))
    friend = redis.Redis.from_url(servers.redis_url)

    assert friend.ping()
    assert friend.config_get("port") == {"port": "0"}
    with pytest.raises(redis.AuthenticationError):
        stranger.ping()
    stranger.close()
    friend.close()


def test_valkey__address_for_celery__carries_messages(servers: embedded.Addresses) -> None:
    with Connection(servers.broker_url) as connection:
        queue = connection.SimpleQueue("test-of-the-address")
        queue.put({"hello": "nunchi"})
        message = queue.get(timeout=5)
        message.ack()
        queue.close()

    assert message.payload == {"hello": "nunchi"}


def test_servers__started_as_root__run_as_another_user(state_dir: Path, state: State) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root needs another user")

    with embedded.running(state_dir):
        status = embedded.status(state_dir)

        for pid in (status.postgres_pid, status.valkey_pid):
            assert Path(f"/proc/{pid}").stat().st_uid != 0
        # pytest's directories are closed to other users, so the data had to go elsewhere
        assert Path(state.home) == Path("/var/lib/nunchi") / state.instance


def test_servers__root_and_a_directory_open_to_others__keep_their_data_in_it() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root needs another user")
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        state_dir = Path(directory) / "state"

        with embedded.running(state_dir) as addresses:
            psycopg.connect(addresses.database_url).close()

            assert (state_dir / "servers" / "postgres").is_dir()
        remove(state_dir)


# --- how long they run --------------------------------------------------------------------------------


def test_running__nested__stops_with_the_outermost(state_dir: Path) -> None:
    with embedded.running(state_dir):
        with embedded.running(state_dir):
            pass
        within = embedded.status(state_dir)
    after = embedded.status(state_dir)

    assert within.postgres_pid
    assert within.valkey_pid
    assert (after.postgres_pid, after.valkey_pid, after.in_use) == (None, None, False)


def test_running__second_process__uses_the_same_servers_and_keeps_them(
    state_dir: Path, child_environment: dict[str, str]
) -> None:
    with holder(child_environment) as other:
        with embedded.running(state_dir):
            ours = embedded.status(state_dir).postgres_pid
            theirs = first_line(other)
        after_us = embedded.status(state_dir)
        other.communicate()
    after_both = embedded.status(state_dir)

    assert theirs == str(ours)
    assert after_us.postgres_pid == ours
    assert after_us.in_use
    assert after_both.postgres_pid is None


def test_running__user_killed__leaves_the_servers_to_the_next_who_stops_them(
    state_dir: Path, child_environment: dict[str, str]
) -> None:
    with holder(child_environment) as other:
        pid = int(first_line(other))
        other.kill()
        other.wait()
    abandoned = embedded.status(state_dir)

    with embedded.running(state_dir):
        reused = embedded.status(state_dir).postgres_pid
    after = embedded.status(state_dir)

    assert abandoned.postgres_pid == pid
    assert not abandoned.in_use
    assert reused == pid
    assert after.postgres_pid is None


def test_running__postgres_killed__recovers_what_was_committed(state_dir: Path, servers: embedded.Addresses) -> None:
    with psycopg.connect(servers.database_owner_url) as connection:
        connection.execute("CREATE TABLE survivor AS SELECT 42 AS answer")
    killed = embedded.status(state_dir).postgres_pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    assert liveness.wait_until_gone(killed, mentioning=Path(state_home(state_dir)), seconds=10)

    embedded.start_missing(state_dir)

    assert embedded.status(state_dir).postgres_pid not in (None, killed)
    with psycopg.connect(servers.database_owner_url) as connection:
        assert connection.execute("SELECT answer FROM survivor").fetchone() == (42,)
        connection.execute("DROP TABLE survivor")


def test_running__valkey_killed__is_started_again(state_dir: Path, servers: embedded.Addresses) -> None:
    killed = embedded.status(state_dir).valkey_pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    state = read_or_create_state(state_dir=state_dir)
    assert liveness.wait_until_gone(killed, mentioning=state.valkey_socket, seconds=10)

    embedded.start_missing(state_dir)

    client = redis.Redis.from_url(servers.redis_url)
    assert client.ping()
    client.close()


def test_running__lock_files_name_a_process_that_is_something_else__starts(state_dir: Path, state: State) -> None:
    with embedded.running(state_dir):
        pass
    stale = Path(state.home) / "postgres" / "postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{stale.parent}\n{int(time.time())}\n5432\n{state.sockets}\n\n")

    with embedded.running(state_dir) as addresses:
        psycopg.connect(addresses.database_url).close()


def test_running__data_of_another_state__is_refused_with_the_reason(state_dir: Path, state: State) -> None:
    with embedded.running(state_dir):
        pass
    path = state_dir / "state.json"
    original = path.read_text()
    path.write_text(json.dumps(json.loads(original) | {"postgres_password": "x", "app_password": "y"}))

    try:
        with pytest.raises(embedded.EmbeddedError, match="other passwords"), embedded.running(state_dir):
            pass
    finally:
        path.write_text(original)

    assert embedded.status(state_dir).postgres_pid is None


def test_running__urls_set__starts_nothing(state_dir: Path, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/nunchi")

    with embedded.running(state_dir):
        with_redis_unset = embedded.status(state_dir)
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere")
    with embedded.running(state_dir):
        with_both_set = embedded.status(state_dir)

    assert with_redis_unset.postgres_pid is None
    assert with_redis_unset.valkey_pid is not None
    assert with_both_set.valkey_pid is None


def test_keep__users_come_and_go__lasts_until_stop(state_dir: Path) -> None:
    embedded.keep(state_dir)
    with embedded.running(state_dir):
        pass
    kept = embedded.status(state_dir)

    stopped = embedded.stop(state_dir)

    assert kept.postgres_pid
    assert kept.kept
    assert stopped
    assert embedded.status(state_dir).postgres_pid is None


def test_stop__somebody_uses_the_servers__is_left_to_the_last(state_dir: Path) -> None:
    embedded.keep(state_dir)

    with embedded.running(state_dir):
        stopped = embedded.stop(state_dir)
        within = embedded.status(state_dir).postgres_pid
    after = embedded.status(state_dir).postgres_pid

    assert not stopped
    assert within is not None
    assert after is None


def state_home(state_dir: Path) -> str:
    return read_or_create_state(state_dir=state_dir).home
