"""Read models of what can be sold: products as catalog tells them, and which of them ran out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import ASCENDING

from shop_events.contracts import Money
from shop_events.contracts.catalog import first_variant_id
from shop_events.read_model import ReadModel

PRODUCTS = "products"
STOCK = "stock"

_CARD = {"title": 1, "price": 1, "image_url": 1, "variant_ids": 1}


@dataclass(frozen=True, slots=True)
class ProductCard:
    """What is shown of a product, and the variants in which it can be bought."""

    id: str
    title: str
    price: Money
    image_url: str | None
    variant_ids: tuple[str, ...] = ()


class Products(ReadModel):
    """Products by id, with the time of this service's clock at which the news of them was kept."""

    async def known(self, product_ids: Iterable[str]) -> set[str]:
        """Return those of the ids that catalog has ever told of, also of products that are gone."""
        ids = list(product_ids)
        if not ids:
            return set()
        found = self._collection.find({"_id": {"$in": ids}}, {"_id": 1}, session=self._session)
        return {document["_id"] for document in await found.to_list()}

    async def told_since(self, moment: datetime, after: str, limit: int) -> list[str]:
        """Return up to ``limit`` products of which there was news, by id, from behind ``after``."""
        news = {"told_at": {"$gte": moment}, "_id": {"$gt": after}}
        found = self._collection.find(news, {"_id": 1}, session=self._session)
        return [document["_id"] async for document in found.sort("_id", ASCENDING).limit(limit)]

    async def on_sale(self, product_ids: Collection[str]) -> dict[str, ProductCard]:
        """Return those of the products that catalog says are available."""
        ids = list(product_ids)
        found = self._collection.find(
            {"_id": {"$in": ids}, "gone": False, "available": True},
            _CARD,
            session=self._session,
            batch_size=len(ids) + 1,
        )
        return {document["_id"]: _card_of(document["_id"], document) for document in await found.to_list()}


class Stock(ReadModel):
    """Whether there is a piece left, by variant."""

    async def sold_out(self, cards: Iterable[ProductCard]) -> set[str]:
        """Return those of the products of which no variant is left."""
        variants = {card.id: card.variant_ids for card in cards}
        wanted = list({variant_id for ids in variants.values() for variant_id in ids})
        found = self._collection.find(
            {"_id": {"$in": wanted}, "gone": False, "out": True},
            {"_id": 1},
            session=self._session,
            batch_size=len(wanted) + 1,
        )
        out = {stock["_id"] for stock in await found.to_list()}
        return {product_id for product_id, ids in variants.items() if out.issuperset(ids)}


def _card_of(product_id: str, document: Mapping[str, Any]) -> ProductCard:
    variant_ids = document.get("variant_ids") or [first_variant_id(product_id)]
    return ProductCard(
        product_id,
        document["title"],
        Money(**document["price"]),
        document["image_url"],
        tuple(variant_ids),
    )
