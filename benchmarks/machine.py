"""What the figures were measured on, as far as it is anybody's business."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from pathlib import Path

from benchmarks import databases

# Set by each installation for itself, or of no consequence for speed.
_OMITTED = ("listen_", "unix_", "port", "log", "lc_", "datestyle", "timezone", "default_text", "password_", "data_dir")


def describe() -> list[str]:
    """Lines of Markdown."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    with databases.connect_as_owner("postgres") as owner:
        (version, fsync, commit) = owner.execute(
            "SELECT current_setting('server_version'), current_setting('fsync'), current_setting('synchronous_commit')"
        ).fetchall()[0]
        settings = owner.execute(
            "SELECT name, current_setting(name) FROM pg_settings "
            "WHERE source IN ('configuration file', 'command line', 'environment variable') ORDER BY name"
        ).fetchall()
    told = [f"`{name} = {value}`" for name, value in settings if not name.lower().startswith(_OMITTED)]
    return [
        f"- {os.cpu_count()} cores, {_processor()}; {memory:.0f} GB of memory; {_system()}; "
        f"Python {platform.python_version()}",
        f"- PostgreSQL {version} from the Python package, on the same machine; `fsync = {fsync}`, "
        f"`synchronous_commit = {commit}`; other than its defaults: {', '.join(told)}",
        "- The load is sent from the same machine, so it takes its share of the cores: `processors_busy` in "
        "`results.json` tells whose share was how large.",
    ]


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _system() -> str:
    with suppress(OSError):
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, {_kernel()}"
    return _kernel()


def _kernel() -> str:
    return f"{platform.system()} {platform.release().partition('-')[0]}"
