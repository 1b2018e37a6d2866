"""Read models of what can be sold: products as catalog tells them, and which of them ran out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from shop_events.contracts import Money
from shop_events.read_model import ReadModel

PRODUCTS = "products"
STOCK = "stock"


@dataclass(frozen=True, slots=True)
class ProductCard:
    """What is shown of a product."""

    id: str
    title: str
    price: Money
    image_url: str | None


class Products(ReadModel):
    """Products by id."""

    async def on_sale(self, product_ids: Collection[str]) -> dict[str, ProductCard]:
        """Return those of the products that catalog says are available."""
        found = await self.get_many(product_ids)
        return {
            id: ProductCard(id, product["title"], Money(**product["price"]), product["image_url"])
            for id, product in found.items()
            if product["available"]
        }


class Stock(ReadModel):
    """Whether there is a piece left, by product."""

    async def sold_out(self, product_ids: Collection[str]) -> set[str]:
        """Return those of the products of which none is left."""
        found = await self.get_many(product_ids)
        return {id for id, stock in found.items() if stock["out"]}
