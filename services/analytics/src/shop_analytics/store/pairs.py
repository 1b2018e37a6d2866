"""How often two products were met together: in one order, in one visit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pymongo import ASCENDING, DESCENDING

from shop_analytics.domain.recommendations import Companion
from shop_analytics.store.repository import Document, Repository

CO_PURCHASES = "co_purchases"
CO_VIEWS = "co_views"

_SHOWN = {"_id": 0, "products": 1, "together": 1}

Pair = tuple[str, str]
"""Two products, the lesser id first."""


def pair(one: str, other: str) -> Pair:
    """Return two products as a pair."""
    return (one, other) if one < other else (other, one)


class Pairs(Repository):
    """Counts by pair."""

    async def add(self, counts: Mapping[Pair, int]) -> None:
        """Add to the counts of pairs."""
        await self._upsert(
            (f"{met[0]}|{met[1]}", {"$inc": {"together": count}, "$setOnInsert": {"products": met}})
            for met, count in counts.items()
        )

    async def of_each(self, product_ids: Iterable[str], limit: int) -> dict[str, list[Companion]]:
        """Return up to ``limit`` products that were met with each of the given ones, most often first."""
        ids = list(dict.fromkeys(product_ids))
        if self._session is not None:  # there is no $documents in transactions
            return {id: await self._of(id, limit) for id in ids}
        strongest = [{"$sort": {"together": DESCENDING}}, {"$limit": limit}, {"$project": _SHOWN}]
        pairs = {
            "from": self._collection.name,
            "localField": "_id",
            "foreignField": "products",
            "pipeline": strongest,
            "as": "pairs",
        }
        each: list[Document] = [{"$documents": [{"_id": {"$literal": id}} for id in ids]}, {"$lookup": pairs}]
        found = await self._collection.database.aggregate(each, batchSize=len(ids))
        return {
            row["_id"]: [met for pair in row["pairs"] for met in _companions(row["_id"], pair)]
            for row in await found.to_list()
        }

    async def page(self, product_id: str, limit: int, after: tuple[int, str] | None) -> list[Companion]:
        """Return up to ``limit`` companions of a product, most often met first, then by their ids.

        Args:
            after: count and id of the last companion before this page.
        """
        match: dict[str, Any] = {"products": product_id}
        if after:
            together, other = after
            behind = {"together": together, "_id": {"$gt": _id(product_id, other)}}
            match["$or"] = [{"together": {"$lt": together}}, behind]
        found = self._collection.find(match, session=self._session)
        ordered = found.sort([("together", DESCENDING), ("_id", ASCENDING)]).limit(limit)
        return [companion async for document in ordered for companion in _companions(product_id, document)]

    async def _of(self, product_id: str, limit: int) -> list[Companion]:
        found = self._collection.find({"products": product_id}, _SHOWN, session=self._session)
        pairs = await found.sort("together", DESCENDING).limit(limit).to_list()
        return [companion for document in pairs for companion in _companions(product_id, document)]


def _id(one: str, other: str) -> str:
    return "|".join(pair(one, other))


def _companions(product_id: str, document: Document) -> list[Companion]:
    others = (other for other in document["products"] if other != product_id)
    return [Companion(product_id, other, document["together"]) for other in others]
