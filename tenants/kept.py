"""What a process keeps of each tenant, for as long as the database says that it is still the same.

The version is asked in every transaction, so nothing out of date is ever used: what is saved is reading and parsing.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar
from uuid import UUID

T = TypeVar("T")
TENANTS = 200


class Kept(Generic[T]):
    """Values by tenant and version; bounded."""

    def __init__(self) -> None:
        self._values: dict[UUID, tuple[str, T]] = {}
        self._lock = Lock()

    def get(self, *, tenant_id: UUID, version: str, load: Callable[[], T]) -> T:
        """The tenant's value, loaded unless the one that is kept has this version."""
        found = self._values.get(tenant_id)
        if found is not None and found[0] == version:
            return found[1]
        value = load()
        with self._lock:
            self._values.pop(tenant_id, None)
            if len(self._values) >= TENANTS:
                del self._values[next(iter(self._values))]  # the one that was loaded first
            self._values[tenant_id] = (version, value)
        return value
