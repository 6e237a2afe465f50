"""Whether a recorded process still runs and is the one it was: process numbers are given out again."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path


def read_pid(path: Path) -> int | None:
    """The process number on the first line of a file; None when there is none."""
    try:
        return int(path.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def is_running(pid: int, *, mentioning: Path) -> bool:
    """Whether the process lives and its command line mentions the path; a zombie does not."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return False
        listing = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True)
        command = listing.stdout
    return str(mentioning) in command


def wait_until_gone(pid: int, *, mentioning: Path, seconds: float) -> bool:
    """Whether the process ended in time."""
    deadline = time.monotonic() + seconds
    while is_running(pid, mentioning=mentioning):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
