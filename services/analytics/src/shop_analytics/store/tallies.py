"""Counts by product and by day.

They are kept apart by source partition: whoever owns another partition writes other documents, so no two
workers ever meet. Readers add them up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from pymongo import ASCENDING

from shop_analytics.store.repository import Document, Repository

TALLIES = "tallies"
DAYS = "days"

Amounts = Mapping[str, float]
"""How much to add, by path."""

COUNTS = ("views", "engaged_ms", "purchases", "units", "sessions", "shown", "clicked", "co_purchases")


class Tallies(Repository):
    """Counts of products. The documents of a product are its shards."""

    async def add(self, amounts: Mapping[tuple[str, str], Amounts], now: datetime) -> None:
        """Add amounts to products, each in its shard: ``{(product, shard): {"views": 2, …}}``."""
        touched = {"touched_at": now}
        await self._upsert(
            (
                f"{product_id}/{shard}",
                {"$inc": added, "$set": touched, "$setOnInsert": {"product_id": product_id}},
            )
            for (product_id, shard), added in amounts.items()
        )

    async def of(self, product_ids: Iterable[str]) -> dict[str, list[Document]]:
        """Return the shards of products."""
        wanted = list(product_ids)
        found = self._collection.find({"product_id": {"$in": wanted}}, session=self._session)
        shards: dict[str, list[Document]] = defaultdict(list)
        async for document in found:
            shards[document["product_id"]].append(document)
        return shards

    async def sums(self, product_ids: Iterable[str], counts: Iterable[str]) -> dict[str, dict[str, int]]:
        """Return some counts of products, such as ``{"prd_1": {"views": 2}}``."""
        ids = list(product_ids)
        group = {"_id": "$product_id", **{name: {"$sum": f"${name}"} for name in counts}}
        stages: list[Document] = [{"$match": {"product_id": {"$in": ids}}}, {"$group": group}]
        found = await self._collection.aggregate(stages, session=self._session, batchSize=len(ids) + 1)
        return {document.pop("_id"): document for document in await found.to_list()}

    async def touched_since(self, moment: datetime, after: str, limit: int) -> list[str]:
        """Return up to ``limit`` products that something was added to, by id, from behind ``after``."""
        found = self._collection.aggregate(
            [
                {"$match": {"touched_at": {"$gte": moment}, "product_id": {"$gt": after}}},
                {"$group": {"_id": "$product_id"}},
                {"$sort": {"_id": ASCENDING}},
                {"$limit": limit},
            ],
            session=self._session,
        )
        return [document["_id"] async for document in await found]


class Days(Repository):
    """Counts of the whole shop, by day (UTC) and shard."""

    async def add(self, amounts: Mapping[tuple[str, str], Amounts]) -> None:
        """Add amounts to days, each in its shard: ``{("2026-11-20", shard): {"views": 2}}``."""
        await self._upsert(
            (f"{day}/{shard}", {"$inc": added, "$setOnInsert": {"day": day}})
            for (day, shard), added in amounts.items()
        )

    async def sum(self, since: date | None = None) -> dict[str, int]:
        """Return every count, added up from ``since`` on."""
        match: dict[str, Any] = {"day": {"$gte": since.isoformat()}} if since else {}
        group = {"_id": None, **{name: {"$sum": f"${name}"} for name in COUNTS}}
        found = await self._collection.aggregate(
            [{"$match": match}, {"$group": group}], session=self._session
        )
        sums = await found.to_list()
        return {name: int(sums[0][name]) if sums else 0 for name in COUNTS}
