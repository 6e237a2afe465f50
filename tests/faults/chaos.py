"""The faults: each kind is one method, done to what runs at a random instant."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from random import Random

import psycopg
import redis
from celery import Celery
from redis.backoff import NoBackoff
from redis.retry import Retry

from config import embedded
from tests.faults.installation import Installation, descendants_of, limit_files
from tests.faults.workspaces import Workspace

TENANT_TASKS = ("segments.drain", "segments.recompute")
TASKS = ("segments.sweep", "events.make_partitions")
QUEUES = {"segments.drain": "live", "segments.sweep": "live"}
UNLIMITED = -1


class NothingToHarm(Exception):
    """What this fault is for does not run at this moment."""


class Chaos:
    """Does faults to an installation and counts them; `seed` decides which, when and to whom."""

    def __init__(self, house: Installation, workspaces: list[Workspace], seed: int) -> None:
        self.house, self.workspaces = house, workspaces
        self.random = Random(seed)
        self.done: Counter[str] = Counter()
        self.undone: list[threading.Timer] = []
        self.broker = Celery(broker=house.state.addresses.broker_url)
        self.broker.conf.broker_transport_options = {"socket_timeout": 1.0, "max_retries": 0}
        self.kinds: dict[str, Callable[[], None]] = {
            "kill -9 of a web worker": lambda: self._kill_child("web"),
            "kill -9 of the web server": lambda: self._kill("web"),
            "kill -9 of the live worker": lambda: self._kill("live"),
            "kill -9 of a child of the live worker": lambda: self._kill_child("live"),
            "kill -9 of the other worker": lambda: self._kill("worker"),
            "kill -9 of a child of the other worker": lambda: self._kill_child("worker"),
            "kill -9 of a scheduler": lambda: self._kill(self.random.choice(("beat", "beat2"))),
            "kill -9 of Redis": self._kill_redis,
            "FLUSHALL of Redis": self._flush,
            "kill -9 of Postgres": self._kill_postgres,
            "kill -9 of one Postgres session": self._kill_session,
            "all Postgres sessions terminated": self._end_sessions,
            "pause of a web worker": lambda: self._pause(self._child("web")),
            "pause of the live worker": lambda: self._pause(*self.house.programs["live"].family()),
            "pause of Redis": lambda: self._pause(self._redis()),
            "pause of a Postgres session": lambda: self._pause(self._session()),
            "log disk full": self._fill_log_disk,
            "tasks delivered several times, some late": self._send_tasks_again,
        }
        if not hasattr(resource, "prlimit"):
            del self.kinds["log disk full"]  # only Linux can limit the files of another process

    def strike(self, kind: str) -> bool:
        """Do it; False where there was nothing to do it to."""
        try:
            self.kinds[kind]()
        except (NothingToHarm, ProcessLookupError):
            return False
        self.done[kind] += 1
        return True

    def end(self) -> None:
        """Let what is paused go on, and what is limited grow."""
        for timer in self.undone:
            timer.cancel()
            timer.function(*timer.args)

    # --- killing ------------------------------------------------------------------------------------

    def _kill(self, name: str) -> None:
        os.kill(self._running(name), signal.SIGKILL)

    def _kill_child(self, name: str) -> None:
        os.kill(self._child(name), signal.SIGKILL)

    def _kill_redis(self) -> None:
        os.kill(self._redis(), signal.SIGKILL)

    def _kill_postgres(self) -> None:
        os.kill(self._postgres(), signal.SIGKILL)

    def _kill_session(self) -> None:
        os.kill(self._session(), signal.SIGKILL)

    def _end_sessions(self) -> None:
        try:
            with psycopg.connect(self.house.state.admin_url, autocommit=True, connect_timeout=2) as admin:
                admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = 'nunchi' AND pid <> pg_backend_pid()"
                )
        except psycopg.OperationalError as error:
            raise NothingToHarm from error

    def _flush(self) -> None:
        client = redis.Redis.from_url(
            self.house.state.addresses.redis_url, socket_timeout=1, retry=Retry(NoBackoff(), 0)
        )
        try:
            client.flushall()
        except redis.RedisError as error:
            raise NothingToHarm from error
        finally:
            client.close()

    # --- hindering ----------------------------------------------------------------------------------

    def _pause(self, *pids: int) -> None:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        self._later(self.random.uniform(0.5, 4), _go_on, list(pids))

    def _fill_log_disk(self) -> None:
        """Whatever the program writes to its log is refused for a while."""
        program = self.house.programs[self.random.choice(sorted(self.house.programs))]
        self._running(program.name)
        family = program.family()
        limit_files(family, 0)
        self._later(self.random.uniform(2, 5), limit_files, family, UNLIMITED)

    def _send_tasks_again(self) -> None:
        wanted = [(name, {"tenant_id": w.tenant}) for name in TENANT_TASKS for w in self.workspaces]
        wanted += [(name, {}) for name in TASKS]
        try:
            for name, arguments in wanted:
                for countdown in (0, 0, self.random.uniform(0, 2), self.random.uniform(2, 10)):
                    self.broker.send_task(
                        name,
                        kwargs=arguments,
                        countdown=countdown,
                        queue=QUEUES.get(name, "default"),
                        retry=False,
                        ignore_result=True,
                    )
        except Exception as error:
            raise NothingToHarm from error

    def _later(self, seconds: float, function: Callable[..., None], *arguments: object) -> None:
        timer = threading.Timer(seconds, function, arguments)
        timer.daemon = True
        timer.start()
        self.undone = [former for former in self.undone if former.is_alive()] + [timer]

    # --- whom ---------------------------------------------------------------------------------------

    def _running(self, name: str) -> int:
        program = self.house.programs[name]
        if program.process is None or program.has_ended:
            raise NothingToHarm
        return program.pid

    def _child(self, name: str) -> int:
        """A descendant that does the work: Celery's pool, granian's workers."""
        children = descendants_of(self._running(name))
        if not children:
            raise NothingToHarm
        return self.random.choice(children)

    def _redis(self) -> int:
        return self._server(embedded.status(self.house.state_dir).valkey_pid)

    def _postgres(self) -> int:
        return self._server(embedded.status(self.house.state_dir).postgres_pid)

    def _session(self) -> int:
        """A session of the application's role."""
        listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True)
        postgres = str(self._postgres())
        sessions = [
            int(words[0])
            for words in map(str.split, listing.stdout.splitlines())
            if words[1] == postgres and "nunchi_app" in words
        ]
        if not sessions:
            raise NothingToHarm
        return self.random.choice(sessions)

    def _server(self, pid: int | None) -> int:
        if pid is None:
            raise NothingToHarm
        return pid


def _go_on(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
