"""Products as catalog tells of them, as far as a mail shows them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shop_events.contracts import Money
from shop_events.contracts.catalog import ProductChanged
from shop_events.read_model import ReadModel

PRODUCTS = "products"


@dataclass(frozen=True, slots=True)
class Card:
    """What is shown of a product; ``available`` says whether it can be bought."""

    title: str
    price: Money
    available: bool


class Products(ReadModel):
    """The newest state of each product."""

    async def keep(self, event: ProductChanged, sequence: int) -> None:
        """Store what a mail may show, unless newer is known."""
        shown = event.model_dump(include={"title", "price", "available"})
        await self.put(event.product_id, sequence, shown)

    async def cards(self, product_ids: Iterable[str]) -> dict[str, Card]:
        """Return the known products among ``product_ids`` that are not gone, by id."""
        found = await self.get_many(set(product_ids))
        return {
            id: Card(each["title"], Money(**each["price"]), each["available"]) for id, each in found.items()
        }
