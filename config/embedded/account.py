"""The system user the embedded servers run as: never root."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from config.embedded.state import EmbeddedError

SYSTEM_USER = "nunchi"


@dataclass(frozen=True)
class Account:
    """Whoever owns the servers' files and runs them."""

    uid: int
    gid: int

    @property
    def is_ours(self) -> bool:
        return self.uid == os.geteuid()

    def run(self, command: list[str], *, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run a command to its end as this user; its output is in the result."""
        with self.start(command, cwd=cwd) as process:
            output, _ = process.communicate()
            return subprocess.CompletedProcess(command, process.returncode, output)

    def start(self, command: list[str], *, cwd: Path) -> subprocess.Popen[str]:
        """Start a command as this user, out of reach of the terminal's Ctrl-C."""
        try:
            return subprocess.Popen(
                command,
                cwd=cwd,
                # Nothing of our environment: it may hold secrets, or settings (PGDATA, LC_ALL) that mislead.
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                umask=0o077,
                start_new_session=True,
                user=None if self.is_ours else self.uid,
                group=None if self.is_ours else self.gid,
                extra_groups=None if self.is_ours else [],
            )
        except OSError as error:
            raise EmbeddedError(
                f"User {self.uid}, who runs the embedded servers, cannot execute {command[0]} in {cwd}: "
                f"{error.strerror}. Open the directories above to that user, or move NUNCHI_STATE_DIR."
            ) from error

    def make_private_directory(self, path: Path) -> None:
        """Make a directory of this user alone, or check that it is one, or raise EmbeddedError."""
        try:
            path.mkdir(mode=0o700)
            self.give(path)
        except FileExistsError:
            pass
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != self.uid or found.st_mode & 0o077:
            raise EmbeddedError(
                f"{path} is not a private directory of user {self.uid}, as the embedded servers need. "
                "Remove it if nothing of yours is in it, or use the user it belongs to."
            )

    def write(self, path: Path, text: str) -> None:
        """Write a file that only this user reads."""
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        self.give(path)

    def give(self, path: Path) -> None:
        if not self.is_ours:
            os.chown(path, self.uid, self.gid)


def open_home(home: Path) -> Account:
    """Make the servers' home where missing, and tell whose it is. Raises EmbeddedError."""
    if home.exists():
        owner = home.stat()
        account = Account(owner.st_uid, owner.st_gid)
        if os.geteuid() not in (0, account.uid):
            raise EmbeddedError(
                f"The embedded servers in {home} belong to user {account.uid}. Use that user, or set "
                "NUNCHI_STATE_DIR to a directory of your own."
            )
        return account
    account = _unprivileged_account() if os.geteuid() == 0 else Account(os.geteuid(), os.getegid())
    home.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    account.make_private_directory(home)
    return account


def _unprivileged_account() -> Account:
    for name in (SYSTEM_USER, "nobody"):
        if name == SYSTEM_USER and not _exists(name) and (useradd := shutil.which("useradd")):
            # A failure (no permission, another process was quicker) shows in the look-up below.
            subprocess.run(
                [
                    useradd,
                    "--system",
                    "--no-create-home",
                    "--home-dir",
                    "/nonexistent",
                    "--shell",
                    "/bin/false",
                    name,
                ],
                capture_output=True,
                check=False,
            )
        if _exists(name):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid)
    raise EmbeddedError(
        "Postgres does not run as root, and there is no other system user to run it as. "
        "Start Nunchi as an ordinary user, or set DATABASE_URL and REDIS_URL."
    )


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
