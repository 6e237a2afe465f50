"""A lock on a file, between processes: the system frees it when its holder dies."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self


class FileLock:
    """One hold on a file lock: shared, or exclusive.

    Two instances exclude each other also within a process. A process forked off while the lock is held
    shares the hold until either lets go.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._descriptor is not None
        # Let go by name: closing alone would leave the lock with a process that was forked meanwhile.
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        os.close(self._descriptor)
        self._descriptor = None

    def shared(self, *, waiting_for: str = "") -> None:
        self._wait(fcntl.LOCK_SH, waiting_for)

    def exclusive(self, *, waiting_for: str = "") -> None:
        self._wait(fcntl.LOCK_EX, waiting_for)

    def try_exclusive(self) -> bool:
        """Whether nobody else holds it; a shared hold of ours is given up in either case."""
        return self._try(fcntl.LOCK_EX)

    def _try(self, operation: int) -> bool:
        assert self._descriptor is not None, "enter the lock first"
        try:
            fcntl.flock(self._descriptor, operation | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _wait(self, operation: int, waiting_for: str) -> None:
        began = told = time.monotonic()
        while not self._try(operation):
            if waiting_for and time.monotonic() - told > 5:
                told = time.monotonic()
                sys.stderr.write(f"Waiting for {waiting_for} ({told - began:.0f} s) …\n")
            time.sleep(0.05)
