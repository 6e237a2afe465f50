"""How often may be asked: requests by key and by client address, items by key, and how often with an unknown key.

Windows slide, so no edge of a minute lets twice as much through. While Redis is away nothing is limited, except who
tries unknown keys: that is counted in each process, so that no flood reaches the database.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import redis
from django.conf import settings
from django.core.cache import caches
from django.http import HttpRequest
from limits import RateLimitItem
from limits.storage import RedisStorage
from redis.exceptions import NoScriptError
from rest_framework.request import Request

from tenants.addresses import client_address
from tenants.errors import APIError, too_many
from tenants.keys import Caller, key_hash
from tenants.quick_redis import ask

_KNOWN_SECONDS = 60


@dataclass(frozen=True)
class Hit:
    """What a request takes of one limit; `whom` is counted apart from everybody else."""

    rate: RateLimitItem
    whom: str
    noun: str
    cost: int = 1


class Windows(RedisStorage):
    """The library's sliding windows, several in one round trip."""

    def __init__(self, client: redis.Redis) -> None:
        super().__init__("redis://", connection_pool=client.connection_pool)

    def take(self, hits: Sequence[Hit]) -> list[bool]:
        """Whether each had room, and then its cost is taken."""
        try:
            return self._take(hits)
        except NoScriptError:  # a Redis that has just begun
            self.storage.script_load(self.SCRIPT_ACQUIRE_SLIDING_WINDOW)
            return self._take(hits)

    def _take(self, hits: Sequence[Hit]) -> list[bool]:
        pipeline = self.storage.pipeline(transaction=False)
        for hit in hits:
            name = _name(hit)
            keys = self.prefixed_key(self._previous_window_key(name)), self.prefixed_key(self._current_window_key(name))
            expiry = hit.rate.get_expiry()
            pipeline.evalsha(self.lua_acquire_sliding_window.sha, 2, *keys, hit.rate.amount, expiry, hit.cost)
        return [bool(taken) for taken in pipeline.execute()]


def admit(caller: Caller, *, request: HttpRequest | Request, items: int = 0) -> None:
    """Take a request, and the items it carries, of what key and address may ask; raises APIError 429.

    An address counts for write keys alone: these are public. Who has a server key is known, and often sends from one
    address.
    """
    hits = []
    if settings.KEY_REQUEST_LIMIT:
        hits.append(Hit(settings.KEY_REQUEST_LIMIT, f"key/{caller.key_id}", "requests of this key"))
    if settings.KEY_ITEM_LIMIT and items:
        hits.append(Hit(settings.KEY_ITEM_LIMIT, f"items/{caller.key_id}", "items of this key", items))
    address = None if caller.is_server else _neighbourhood(request)
    if settings.ADDRESS_REQUEST_LIMIT and address:
        hits.append(Hit(settings.ADDRESS_REQUEST_LIMIT, f"address/{address}", "requests from this address"))
    taken = ask(lambda client: _windows(client).take(hits)) if hits else None
    for hit, had_room in zip(hits, taken or [], strict=False):
        if not had_room:
            raise _refusal(hit)


def check_guesses(*, key: str, request: HttpRequest | Request) -> None:
    """Before the database is asked about a key: refuse an address that has tried too many; raises APIError 429.

    A key that was good a moment ago passes: a shared address must not lock out those who share it.
    """
    rate, address = settings.UNKNOWN_KEY_LIMIT, _neighbourhood(request)
    if rate is None or address is None:
        return
    name, seconds_left = _guesses(rate, address)
    if caches["process"].get(name, 0) >= rate.amount and not caches["process"].get(_known(key)):
        message = "Too many unknown keys came from this address. Check the key, and send it again later."
        raise too_many(code="rate_limited", message=message, seconds=seconds_left)


def note_key(*, key: str, request: HttpRequest | Request, is_known: bool) -> None:
    """What the database has said about a key."""
    rate, address = settings.UNKNOWN_KEY_LIMIT, _neighbourhood(request)
    if rate is None or address is None:
        return
    if is_known:
        caches["process"].set(_known(key), True, _KNOWN_SECONDS)
    else:
        name, seconds_left = _guesses(rate, address)
        caches["process"].set(name, caches["process"].get(name, 0) + 1, seconds_left)


def seconds_until_room(
    *, previous: int, previous_ttl: float, current: int, current_ttl: float, rate: RateLimitItem, cost: int
) -> float:
    """When `cost` will fit, if nobody takes more: the count of the window before fades evenly, then this one's does.

    The arguments are what RedisStorage.get_sliding_window returns; the current window's key lives twice its time.
    """
    expiry, room = rate.get_expiry(), max(0, rate.amount - cost)
    if current <= room:
        return previous_ttl - (room - current) * expiry / previous if previous else 0
    return current_ttl - room * expiry / current


def _refusal(hit: Hit) -> APIError:
    def wait(client: redis.Redis) -> float:
        window = _windows(client).get_sliding_window(_name(hit), hit.rate.get_expiry())
        previous, previous_ttl, current, current_ttl = window
        return seconds_until_room(
            previous=previous,
            previous_ttl=previous_ttl,
            current=current,
            current_ttl=current_ttl,
            rate=hit.rate,
            cost=hit.cost,
        )

    message = f"There may be {hit.rate.amount:,} {hit.noun} in {hit.rate.get_expiry()} s. Send it again later."
    return too_many(code="rate_limited", message=message, seconds=ask(wait) or 0)


def _name(hit: Hit) -> str:
    return hit.rate.key_for(hit.whom)


@lru_cache(maxsize=4)
def _windows(client: redis.Redis) -> Windows:
    return Windows(client)


def _neighbourhood(request: HttpRequest | Request) -> str | None:
    """The address; of IPv6 the network of 64 bits, for whoever has one has all of its addresses."""
    address = client_address(request)
    if address and ":" in address:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return address


def _guesses(rate: RateLimitItem, address: str) -> tuple[str, float]:
    """Where the unknown keys from an address are counted now, and how long yet."""
    window, gone = divmod(time.time(), rate.get_expiry())
    return f"unknown-keys:{address}:{window:.0f}", rate.get_expiry() - gone


def _known(key: str) -> str:
    return f"known-key:{key_hash(key).hex()}"
