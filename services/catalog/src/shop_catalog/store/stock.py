"""Stock in MongoDB, apart from the products, so that selling does not change their version."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from pymongo import DESCENDING, UpdateOne

from shop_catalog.domain.errors import OutOfStock
from shop_catalog.domain.requests import RequestKey
from shop_catalog.domain.stock import StockAdjustment, StockItem
from shop_catalog.store.documents import Document, Repository, request_of

STOCK = "stock"
STOCK_ADJUSTMENTS = "stock_adjustments"


class Stock(Repository):
    """How many pieces are left."""

    async def of(self, variant_ids: Iterable[str]) -> list[StockItem]:
        """Return the stock of those of ``variant_ids`` that have any record of it."""
        wanted = list(variant_ids)
        found = self._collection.find({"_id": {"$in": wanted}}, session=self._session).limit(len(wanted))
        return [
            StockItem(
                variant_id=each["_id"],
                product_id=each["product_id"],
                left=each["left"],
                version=each["version"],
            )
            async for each in found
        ]

    async def add(self, items: Sequence[StockItem]) -> None:
        if items:
            await self._collection.insert_many(
                [stock_document(item) for item in items], session=self._session
            )

    async def save(self, items: Sequence[StockItem]) -> None:
        """Store what was taken and put back: one conditional update each, in one statement.

        Raises:
            OutOfStock: a stock would have fallen below zero.
        """
        result = await self._collection.bulk_write(
            [_change(item) for item in items], ordered=False, session=self._session
        )
        if result.matched_count != len(items):
            raise OutOfStock((each.product_id for each in items), (each.variant_id for each in items))

    async def remove(self, variant_ids: Iterable[str]) -> None:
        await self._collection.delete_many({"_id": {"$in": list(variant_ids)}}, session=self._session)


class StockAdjustments(Repository):
    """Who corrected the stock, when and why."""

    async def for_request(self, request: RequestKey) -> StockAdjustment | None:
        """Return the adjustment that was made for this request; see :meth:`Repository._asked_for`."""
        found = await self._asked_for(request)
        return None if found is None else _adjustment_of(found)

    async def newest(self, product_id: str, limit: int, before: str | None) -> list[StockAdjustment]:
        """Return up to ``limit`` of a product, newest first, from before the one with the id ``before``."""
        wanted = {"product_id": product_id} | ({} if before is None else {"_id": {"$lt": before}})
        found = self._collection.find(wanted, session=self._session).sort("_id", DESCENDING).limit(limit)
        return [_adjustment_of(each) async for each in found]

    async def add(self, adjustment: StockAdjustment) -> None:
        document: Document = asdict(adjustment)
        document["_id"] = document.pop("id")
        await self._collection.insert_one(document, session=self._session)


def stock_document(item: StockItem) -> Document:
    """Return how the stock of a variant is stored."""
    return {"_id": item.variant_id, "product_id": item.product_id, "left": item.left, "version": item.version}


def _adjustment_of(document: Document) -> StockAdjustment:
    return StockAdjustment(
        id=document["_id"],
        product_id=document["product_id"],
        variant_id=document["variant_id"],
        delta=document["delta"],
        reason=document["reason"],
        left=document["left"],
        at=document["at"],
        request=request_of(document),
    )


def _change(item: StockItem) -> UpdateOne:
    enough = {"_id": item.variant_id, "left": {"$gte": -item.delta}}
    return UpdateOne(enough, {"$inc": {"left": item.delta, "version": len(item.facts)}})
