"""What the demo shop sells."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Product:
    """`popularity` weighs how often people come across it."""

    id: str
    name: str
    category: str
    price: int
    line: str
    popularity: float
    is_gift: bool = False

    def as_properties(self) -> dict[str, str | int]:
        """What the shop tells about it with every event."""
        return {"product_id": self.id, "name": self.name, "category": self.category, "price": self.price}


PRODUCTS = (
    Product("moon-lamp", "Moon Lamp", "light", 64, "A warm glow for the hour before sleep.", 1.6, True),
    Product("tea-set", "Celadon Tea Set", "tea", 78, "A pot and two cups, glazed in Icheon.", 1.2, True),
    Product("barley-tea", "Roasted Barley Tea", "tea", 9, "Forty bags. Nutty, without caffeine.", 1.4),
    Product("linen-throw", "Linen Throw", "textile", 52, "Washed soft. Large enough for two.", 1.1),
    Product("notebook", "Hanji Notebook", "paper", 18, "Mulberry paper that takes any ink.", 1.3),
    Product("incense", "Pine Incense", "scent", 14, "Thirty sticks of a forest after rain.", 1.0),
    Product("night-sky", "Night Sky Puzzle", "play", 24, "A thousand pieces, most of them blue.", 0.8),
    Product("night-box", "The Night Box", "box set", 120, "Lamp, throw and tea in one box.", 0.7, True),
)
