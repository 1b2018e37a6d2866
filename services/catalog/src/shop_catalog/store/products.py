"""Products in MongoDB. One that was deleted stays, with its version, and is not found any more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from pymongo import UpdateOne
from pymongo.asynchronous.database import AsyncDatabase

from shop_catalog.domain.errors import VersionConflict
from shop_catalog.domain.products import Product, Rating
from shop_catalog.domain.requests import RequestKey
from shop_catalog.store.documents import Document, Repository, request_document
from shop_catalog.store.product_documents import product_of, product_state

PRODUCTS = "products"

UNRATED = {"popularity": 0.0, "trend": 0.0, "rank": 0.0, "rated": -1}
"""What a product has before analytics has told of it."""


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

    async def some(self, product_ids: Iterable[str]) -> list[Product]:
        """Return those of ``product_ids`` that exist, drafts too, in no particular order."""
        wanted = list(product_ids)
        return await self._many({"_id": {"$in": wanted}, "deleted": False}, len(wanted))

    async def on_sale(self, product_ids: Iterable[str]) -> list[Product]:
        """Return those of ``product_ids`` that shoppers see, in no particular order."""
        wanted = list(product_ids)
        return await self._many({"_id": {"$in": wanted}, "shown": True}, len(wanted))

    async def documents_on_sale(self, product_ids: Sequence[str]) -> list[Document]:
        """Return the documents of those of ``product_ids`` that shoppers see, in no particular order."""
        query = {"_id": {"$in": product_ids}, "shown": True}
        return await self._collection.find(query, session=self._session).limit(len(product_ids)).to_list()

    async def carrying(self, skus: Iterable[str]) -> set[str]:
        """Return those of the stock keeping units that a product has."""
        wanted = list(skus)
        query = {"variants.sku": {"$in": wanted}, "deleted": False}
        found = self._collection.find(query, {"variants.sku": 1}, session=self._session).limit(len(wanted))
        carried = {variant["sku"] async for document in found for variant in document["variants"]}
        return carried.intersection(wanted)

    async def referred_to(self, references: Iterable[str]) -> list[Product]:
        """Return the products that have one of these external references."""
        wanted = list(references)
        return await self._many({"reference": {"$in": wanted}, "deleted": False}, len(wanted))

    async def is_in_use(self, category_id: str) -> bool:
        """Say whether a product is in a category, or in one below it."""
        query = {"category_ids": category_id, "deleted": False}
        return await self._collection.find_one(query, {"_id": 1}, session=self._session) is not None

    async def under(self, category_id: str, after: str, limit: int) -> list[Product]:
        """Return up to ``limit`` products in a category, or below it, from behind the id ``after``."""
        return await self._many({"category_ids": category_id, "_id": {"$gt": after}}, limit)

    async def rate(self, product_id: str, rating: Rating, sequence: int) -> None:
        """Note how much a product is wanted, unless newer is known. It is no change of the product."""
        await self._collection.update_one(
            {"_id": product_id, "rated": {"$lt": sequence}},
            {"$set": {**rating._asdict(), "rated": sequence}},
            session=self._session,
        )

    async def all_after(self, product_id: str, limit: int) -> list[Product]:
        """Return up to ``limit`` products behind ``product_id``, deleted ones too."""
        return await self._many({"_id": {"$gt": product_id}}, limit)

    async def add(self, product: Product) -> None:
        await self._collection.insert_one(new_document(product), session=self._session)

    async def imported(self, references: Sequence[str], skus: Sequence[str]) -> list[Product]:
        """Return the products that have one of these references or stock keeping units, in no order."""
        # Each alternative says all that its index is limited to, and nothing asks for an order: else all
        # products would be read.
        named: list[Document] = [{"variants.sku": {"$in": skus}, "deleted": False}]
        if references:
            named.append({"reference": {"$in": references}, "deleted": False})
        found = self._collection.find({"$or": named}, session=self._session)
        return [product_of(document) async for document in found.limit(len(references) + len(skus))]

    async def save(self, products: Sequence[Product]) -> None:
        """Store changes.

        Raises:
            VersionConflict: one of them is at another version than when it was read.
        """
        if not products:
            return
        writes = [
            UpdateOne({"_id": each.id, "version": each.version_read}, {"$set": product_state(each)})
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


def new_document(product: Product) -> Document:
    """Return the document of a product that is not stored yet."""
    request = request_document(product.request)
    return {"_id": product.id, "request": request, **UNRATED, **product_state(product)}
