"""Two and more connections at once, in orders that a test forces."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
from django.db import connection, connections
from django.utils.module_loading import import_string

T = TypeVar("T")
PATIENCE_SECONDS = 30


def in_thread(work: Callable[[], T]) -> Callable[[], T]:
    """Start work on a connection of its own; returns what waits for it, giving its result or raising its error."""
    pool = ThreadPoolExecutor(1)
    future = pool.submit(_with_own_connection, work)
    pool.shutdown(wait=False)
    return lambda: future.result(timeout=PATIENCE_SECONDS)


def at_once(*calls: Callable[[], T]) -> list[T]:
    """Run the calls on threads and connections of their own, let go together; their results in order."""
    barrier = threading.Barrier(len(calls), timeout=PATIENCE_SECONDS)

    def run(call: Callable[[], T]) -> T:
        connection.ensure_connection()
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        futures = [pool.submit(_with_own_connection, lambda call=call: run(call)) for call in calls]
        return [future.result() for future in futures]


def wait_until_somebody_waits_for_a_lock() -> None:
    """Return once another connection to this database waits for a lock."""
    for _ in range(100 * PATIENCE_SECONDS):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")  # the view is a snapshot a transaction
            cursor.execute(
                "SELECT count(*), pg_sleep(0.01) FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0]:
                return
    raise AssertionError("nobody waited for the lock")


class Halt:
    """Halts the first call of a function, after its work, until it is told to go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
        self._original = import_string(path)
        self._first = threading.Lock()
        self._reached, self._go = threading.Event(), threading.Event()
        monkeypatch.setattr(path, self._call)

    def _call(self, *args: Any, **kwargs: Any) -> Any:
        is_first = self._first.acquire(blocking=False)
        result = self._original(*args, **kwargs)
        if is_first:
            self._reached.set()
            assert self._go.wait(PATIENCE_SECONDS), "nobody let it go on"
        return result

    def wait_until_reached(self) -> None:
        assert self._reached.wait(PATIENCE_SECONDS), "nobody came here"

    def go_on(self) -> None:
        self._go.set()


def fail_once(monkeypatch: pytest.MonkeyPatch, path: str, statement: str) -> Callable[[], int]:
    """After the first call of a function, execute a statement that fails; returns what counts the calls.

    The database itself raises the error, in the transaction of the call.
    """
    original = import_string(path)
    calls = []

    def call(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        calls.append(1)
        if len(calls) == 1:
            with connection.cursor() as cursor:
                cursor.execute(statement)
        return result

    monkeypatch.setattr(path, call)
    return lambda: len(calls)


DEADLOCK = "DO $$ BEGIN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = 'deadlock_detected'; END $$"
CRASH = "SELECT pg_terminate_backend(pg_backend_pid())"


def _with_own_connection(work: Callable[[], T]) -> T:
    try:
        return work()
    finally:
        connections.close_all()
