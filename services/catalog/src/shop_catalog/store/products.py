"""Products in MongoDB. One that was deleted stays, with its version, and is not found any more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pymongo import UpdateOne
from pymongo.asynchronous.database import AsyncDatabase

from shop_catalog.domain.errors import VersionConflict
from shop_catalog.domain.products import Hit, Product, ProductDetails
from shop_catalog.domain.requests import RequestKey
from shop_catalog.store.documents import Document, Repository, request_document, request_of, version_before
from shop_events.contracts import Money

PRODUCTS = "products"

UNRATED = {"popularity": 0.0, "rank": 0.0, "rated": -1}
"""What a product has before analytics has told of it."""

_RANK = {
    "$multiply": [
        {"$meta": "textScore"},
        {"$add": [1, {"$multiply": [0.2, {"$ln": {"$add": [1, "$popularity"]}}]}]},
    ]
}
"""Relevance first; of two that match alike, what shoppers want more."""


async def forget_ratings(db: AsyncDatabase[Any]) -> None:
    """Rank all products alike, as if analytics had told nothing yet."""
    await db[PRODUCTS].update_many({"rated": {"$ne": UNRATED["rated"]}}, {"$set": UNRATED})


class Products(Repository):
    """The products of the shop."""

    async def for_request(self, request: RequestKey) -> Product | None:
        """Return the product that was made for this request; see :meth:`Repository._asked_for`."""
        found = await self._asked_for(request)
        return None if found is None else product_of(found)

    async def get(self, product_id: str) -> Product | None:
        found = await self._collection.find_one({"_id": product_id, "deleted": False}, session=self._session)
        return None if found is None else product_of(found)

    async def on_sale(self, product_ids: Iterable[str]) -> list[Product]:
        """Return those of ``product_ids`` that exist, in no particular order."""
        wanted = list(product_ids)
        query = {"_id": {"$in": wanted}, "deleted": False}
        return await self._many(query, len(wanted))

    async def carries_sku(self, sku: str) -> bool:
        """Say whether a product has this stock keeping unit."""
        query = {"sku": sku, "deleted": False}
        return await self._collection.find_one(query, {"_id": 1}, session=self._session) is not None

    async def page(self, limit: int, after: str | None, sku: str | None) -> list[Product]:
        """Return up to ``limit`` products in the order of their ids, from behind ``after``."""
        query: Document = {"deleted": False}
        if after is not None:
            query["_id"] = {"$gt": after}
        if sku is not None:
            query["sku"] = sku
        return await self._many(query, limit)

    async def popular(self, limit: int, after: tuple[float, str] | None) -> list[Hit]:
        """Return up to ``limit`` products, the most wanted first, from behind ``after``."""
        query: Document = {"deleted": False}
        if after is not None:
            rank, product_id = after
            query["$or"] = [{"rank": {"$lt": rank}}, {"rank": rank, "_id": {"$gt": product_id}}]
        found = self._collection.find(query, session=self._session).sort([("rank", -1), ("_id", 1)])
        return [(document["rank"], product_of(document)) async for document in found.limit(limit)]

    async def rate(self, product_id: str, popularity: float, rank: float, sequence: int) -> None:
        """Note how much a product is wanted, unless newer is known. It is no change of the product."""
        await self._collection.update_one(
            {"_id": product_id, "rated": {"$lt": sequence}},
            {"$set": {"popularity": popularity, "rank": rank, "rated": sequence}},
            session=self._session,
        )

    async def search(self, text: str, limit: int, after: tuple[float, str] | None) -> list[Hit]:
        """Return up to ``limit`` products that match, the most relevant first, from behind ``after``."""
        stages: list[Document] = [
            {"$match": {"$text": {"$search": text}, "deleted": False}},
            {"$set": {"score": _RANK}},
        ]
        if after is not None:
            score, product_id = after
            stages.append(
                {"$match": {"$or": [{"score": {"$lt": score}}, {"score": score, "_id": {"$gt": product_id}}]}}
            )
        stages += [{"$sort": {"score": -1, "_id": 1}}, {"$limit": limit}]
        found = await self._collection.aggregate(stages, session=self._session)
        return [(document["score"], product_of(document)) async for document in found]

    async def all_after(self, product_id: str, limit: int) -> list[Product]:
        """Return up to ``limit`` products behind ``product_id``, deleted ones too."""
        return await self._many({"_id": {"$gt": product_id}}, limit)

    async def add(self, product: Product) -> None:
        await self._collection.insert_one(
            {
                "_id": product.id,
                "request": request_document(product.request),
                **UNRATED,
                **_state(product),
            },
            session=self._session,
        )

    async def save(self, products: Sequence[Product]) -> None:
        """Store changes.

        Raises:
            VersionConflict: one of them is at another version than when it was read.
        """
        if not products:
            return
        writes = [
            UpdateOne({"_id": each.id, "version": version_before(each)}, {"$set": _state(each)})
            for each in products
        ]
        result = await self._collection.bulk_write(writes, ordered=False, session=self._session)
        if result.matched_count != len(products):
            raise VersionConflict("The product was changed in the meantime.")

    async def touch(self, product_ids: Iterable[str], at: datetime) -> None:
        """Write to products without changing them, so that a change at the same time conflicts."""
        await self._collection.update_many(
            {"_id": {"$in": list(product_ids)}}, {"$set": {"republished_at": at}}, session=self._session
        )

    async def _many(self, query: Document, limit: int) -> list[Product]:
        found = self._collection.find(query, session=self._session).sort("_id", 1).limit(limit)
        return [product_of(document) async for document in found]


def product_of(document: Document) -> Product:
    """Return the product that a document holds."""
    return Product(
        id=document["_id"],
        details=ProductDetails(
            sku=document["sku"],
            title=document["title"],
            description=document["description"],
            category=document["category"],
            price=Money(**document["price"]),
            image_url=document["image_url"],
        ),
        available=document["available"],
        request=request_of(document),
        deleted=document["deleted"],
        version=document["version"],
    )


def _state(product: Product) -> dict[str, Any]:
    details = asdict(product.details) | {"price": product.details.price.model_dump()}
    return {
        **details,
        "available": product.available,
        "deleted": product.deleted,
        "version": product.version,
    }
