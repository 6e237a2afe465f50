"""Simulated people of the demo shop: who they are underneath, and weeks of what they would have done.

Pure and seeded: the same seed, clock and size give the same history. Nothing here is real, and nothing of the hidden
truth (kinds and propensities) is in the items.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from config.demo.places import PLACES, Place
from config.demo.products import PRODUCTS, Product

DAYS = 42
PEOPLE = 2_000
# History ends a little before now: what happens from then on is the visitor's own doing.
QUIET_MINUTES = 15
_WEEKDAYS = (0.92, 0.88, 0.9, 0.95, 1.02, 1.22, 1.24)  # Monday first
_EVENING = tuple(1 + 9 * math.exp(-(((hour - 20.5 + 12) % 24 - 12) ** 2) / 9) for hour in range(24))
_MORNING = tuple(1 + 7 * math.exp(-(((hour - 8 + 12) % 24 - 12) ** 2) / 6) for hour in range(24))
_NIGHT = tuple(0.15 if 1 <= hour < 6 else 1.0 for hour in range(24))
_SEARCHES = ("lamp", "gift", "tea", "sale", "blanket", "notebook", "puzzle", "candle", "incense")
_VAIN_SEARCHES = (
    "how to order",
    "size chart",
    "delivery korea",
    "change address",
    "voucher",
    "gift wrap",
    "set up lamp",
)


@dataclass(frozen=True)
class Kind:
    """A hidden kind of person. Rates are a week, probabilities a session or a product looked at."""

    name: str
    share: float
    sessions_a_week: float
    looks: float
    likes: float
    puts_in_cart: float
    buys: float
    searches: float
    seeks_help: float
    signs_in: float


KINDS = (
    Kind("browser", 0.27, 1.1, 3.2, 0.10, 0.04, 0.25, 0.25, 0.01, 0.35),
    Kind("bargain_hunter", 0.15, 1.2, 3.6, 0.12, 0.22, 0.35, 0.60, 0.02, 0.70),
    Kind("loyal", 0.11, 1.9, 2.6, 0.22, 0.30, 0.85, 0.20, 0.02, 0.97),
    Kind("cart_abandoner", 0.17, 1.2, 3.0, 0.15, 0.38, 0.10, 0.20, 0.03, 0.65),
    Kind("gift_buyer", 0.08, 0.9, 3.0, 0.04, 0.30, 0.80, 0.50, 0.03, 0.60),
    Kind("stuck_newcomer", 0.08, 2.6, 1.2, 0.02, 0.03, 0.30, 0.90, 0.45, 0.45),
    Kind("lapsed", 0.14, 1.6, 3.0, 0.12, 0.18, 0.50, 0.20, 0.02, 0.80),
)


@dataclass(frozen=True)
class Truth:
    """What nobody in the shop knows about one person, for checking what Nunchi finds out."""

    identifier: str
    anonymous_ids: tuple[str, ...]
    kind: str
    buy_propensity: float
    responsiveness: float

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class History:
    """Items of the ingestion protocol in the order of their timestamps, and the hidden truth."""

    items: list[dict[str, Any]]
    truth: list[Truth]


def simulate(*, now: datetime, seed: int = 8, people: int = PEOPLE, days: int = DAYS) -> History:
    """The history of `people` simulated people over the `days` before `now` (aware)."""
    random = Random(seed)  # noqa: S311  (a simulation)
    items: list[dict[str, Any]] = []
    truth: list[Truth] = []
    for number in range(people):
        person = _Person(number=number, random=Random(random.getrandbits(64)), now=now, days=days)  # noqa: S311
        items.extend(person.live())
        truth.append(person.truth())
    items.sort(key=lambda item: (item["timestamp"], item["messageId"]))
    return History(items=items, truth=truth)


class _Person:
    def __init__(self, *, number: int, random: Random, now: datetime, days: int) -> None:
        self.random, self.now, self.days = random, now, days
        self.kind: Kind = random.choices(KINDS, weights=[kind.share for kind in KINDS])[0]
        self.place: Place = random.choices(PLACES, weights=[place.share for place in PLACES])[0]
        self.user_id = f"user-{number:05d}"
        self.devices = [f"device-{number:05d}-a"] + ([f"device-{number:05d}-b"] if random.random() < 0.25 else [])
        self.zeal = random.lognormvariate(0, 0.35)
        self.buys = min(0.97, self.kind.buys * random.lognormvariate(0, 0.2))
        self.responsiveness = random.betavariate(2, 6)
        self.will_sign_in = random.random() < self.kind.signs_in
        self.signed_in: set[str] = set()
        self.favourites = random.sample(sorted({product.category for product in PRODUCTS}), 2)
        self.hours = _EVENING if random.random() < 0.7 else _MORNING
        self.messages = 0
        self.carts = 0
        self.plan = "plus" if self.kind.name == "loyal" and random.random() < 0.6 else "free"

    def truth(self) -> Truth:
        return Truth(
            identifier=self.user_id if self.signed_in else self.devices[0],
            anonymous_ids=tuple(self.devices),
            kind=self.kind.name,
            buy_propensity=round(self.buys * self.kind.puts_in_cart, 4),
            responsiveness=round(self.responsiveness, 4),
        )

    def live(self) -> Iterator[dict[str, Any]]:
        for session, start in enumerate(self._session_starts()):
            yield from self._session(session, start)

    def _session_starts(self) -> list[datetime]:
        """When the app is opened: by weekday and hour of the place, more or less regularly."""
        first, last = self._span()
        midnight = (self.now + timedelta(hours=self.place.utc_offset)).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        latest = self.now - timedelta(minutes=QUIET_MINUTES)
        weights = [hour * night for hour, night in zip(self.hours, _NIGHT, strict=True)]
        starts = []
        for ago in range(first, last - 1, -1):
            day = midnight - timedelta(days=ago)
            rate = self.kind.sessions_a_week / 7 * self.zeal * _WEEKDAYS[day.weekday()]
            if ago != first and self.random.random() >= rate:
                continue
            hour = self.random.choices(range(24), weights=weights)[0]
            at = (
                day
                + timedelta(hours=hour, seconds=self.random.uniform(0, 3600))
                - timedelta(hours=self.place.utc_offset)
            )
            if at < latest - timedelta(hours=1):
                starts.append(at)
        return starts

    def _span(self) -> tuple[int, int]:
        """The first and the last day of interest, in days before today."""
        match self.kind.name:
            case "stuck_newcomer":
                return self.random.randint(0, 9), 0
            case "gift_buyer":
                first = self.random.randint(0, self.days - 1)
                return first, max(0, first - 6)
            case "lapsed":
                return self.random.randint(self.days * 3 // 4, self.days - 1), self.random.randint(18, 24)
            case _:
                return self.random.randint(0, self.days - 1), 0

    def _session(self, number: int, start: datetime) -> Iterator[dict[str, Any]]:
        random, kind = self.random, self.kind
        device = random.choice(self.devices)
        clock = _Clock(random, start)
        context = {
            "sessionId": f"{device}-{number}",
            "locale": "ko-KR" if self.place.language == "ko" else "en-US",
            "timezone": self.place.time_zone,
        }

        def item(kind_of_item: str, **fields: Any) -> dict[str, Any]:
            self.messages += 1
            known = {"userId": self.user_id} if device in self.signed_in else {}
            return {
                "type": kind_of_item,
                "messageId": f"demo-{self.user_id}-{self.messages}",
                "timestamp": clock.tell(),
                "anonymousId": device,
                "context": context,
                **known,
                **fields,
            }

        def track(event: str, **properties: Any) -> dict[str, Any]:
            return item("track", event=event, properties=properties)

        yield track("app_opened")
        clock.pass_(5)
        yield item("page", name="shop", properties={"path": "/"})
        if self.will_sign_in and device not in self.signed_in and (number > 0 or random.random() < 0.3):
            clock.pass_(30)
            self.signed_in.add(device)
            yield item("identify", traits=self._traits())
        stuck = kind.name == "stuck_newcomer"
        for _ in range(2 if stuck else 1):
            if random.random() < kind.searches:
                clock.pass_(20)
                in_vain = stuck or random.random() < 0.06
                query = random.choice(_VAIN_SEARCHES if in_vain else _SEARCHES)
                yield track("search", query=query, results=0 if in_vain else random.randint(1, 4))
        if random.random() < kind.seeks_help:
            clock.pass_(40)
            yield track("help_opened", topic=random.choice(("delivery", "payment", "account")))
        cart: list[Product] = []
        for _ in range(_poisson(random, kind.looks)):
            product = self._product()
            clock.pass_(35)
            facts = {
                "product_id": product.id,
                "name": product.name,
                "category": product.category,
                "price": product.price,
            }
            yield track("product_viewed", **facts)
            if random.random() < kind.likes:
                clock.pass_(8)
                yield track("product_liked", **facts)
            if product not in cart and random.random() < kind.puts_in_cart:
                clock.pass_(12)
                cart.append(product)
                yield track("added_to_cart", cart_id=self._cart_id(), **facts)
        if cart and random.random() < self._probability_to_buy(cart):
            clock.pass_(90)
            total = sum(product.price for product in cart)
            yield track("purchased", cart_id=self._cart_id(), total=total, products=[product.id for product in cart])
            self.carts += 1

    def _cart_id(self) -> str:
        return f"cart-{self.user_id}-{self.carts + 1}"

    def _product(self) -> Product:
        weights = [
            product.popularity
            * (2.5 if product.category in self.favourites else 1)
            * (3 if self.kind.name == "gift_buyer" and product.is_gift else 1)
            * (2.5 if self.kind.name == "bargain_hunter" and product.price <= 25 else 1)
            for product in PRODUCTS
        ]
        return self.random.choices(PRODUCTS, weights=weights)[0]

    def _probability_to_buy(self, cart: list[Product]) -> float:
        if self.kind.name == "bargain_hunter" and max(product.price for product in cart) > 25:
            return self.buys / 5
        return self.buys

    def _traits(self) -> dict[str, Any]:
        return {
            "first_name": self.random.choice(self.place.names),
            "city": self.place.city,
            "language": self.place.language,
            "timezone": self.place.time_zone,
            "plan": self.plan,
        }


class _Clock:
    """Time within a session."""

    def __init__(self, random: Random, start: datetime) -> None:
        self.random, self.at = random, start

    def pass_(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds * self.random.uniform(0.3, 2.2))

    def tell(self) -> str:
        return self.at.isoformat(timespec="milliseconds")


def _poisson(random: Random, mean: float) -> int:
    limit, count, product = math.exp(-mean), 0, random.random()
    while product > limit:
        count += 1
        product *= random.random()
    return count
