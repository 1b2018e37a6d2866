"""How often two products were met together: in one order, in one visit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pymongo import ASCENDING, DESCENDING, UpdateOne

from shop_analytics.domain.recommendations import Companion
from shop_analytics.store.repository import Document, Repository

CO_PURCHASES = "co_purchases"
CO_VIEWS = "co_views"

Pair = tuple[str, str]
"""Two products, the lesser id first."""


def pair(one: str, other: str) -> Pair:
    """Return two products as a pair."""
    return (one, other) if one < other else (other, one)


class Pairs(Repository):
    """Counts by pair."""

    async def add(self, counts: Mapping[Pair, int]) -> None:
        """Add to the counts of pairs."""
        await self._write(
            [
                UpdateOne(
                    {"_id": _id(one, other)},
                    {"$inc": {"together": count}, "$setOnInsert": {"products": [one, other]}},
                    upsert=True,
                )
                for (one, other), count in counts.items()
            ]
        )

    async def companions(self, product_ids: Iterable[str], limit: int) -> list[Companion]:
        """Return the products met most often with the given ones, up to ``limit`` pairs for each of them.

        At least one product is given. All is asked for at once: the pairs of each come from the index alone.
        """
        if self._session is not None:  # MongoDB's manual bars $unionWith from transactions
            return [companion for id in product_ids for companion in await self._of(id, limit)]
        first, *others = [_strongest(id, limit) for id in dict.fromkeys(product_ids)]
        united = [{"$unionWith": {"coll": self._collection.name, "pipeline": other}} for other in others]
        found = await self._collection.aggregate([*first, *united], session=self._session)
        return [
            companion
            for document in await found.to_list()
            for companion in _companions(document["of"], document)
        ]

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
        found = self._collection.find({"products": product_id}, session=self._session)
        pairs = found.sort("together", DESCENDING).limit(limit)
        return [companion async for document in pairs for companion in _companions(product_id, document)]


def _strongest(product_id: str, limit: int) -> list[Document]:
    """Return the pipeline of the pairs of one product that were met most often, each with ``of``."""
    return [
        {"$match": {"products": product_id}},
        {"$sort": {"together": DESCENDING}},
        {"$limit": limit},
        {"$addFields": {"of": {"$literal": product_id}}},
    ]


def _id(one: str, other: str) -> str:
    return "|".join(pair(one, other))


def _companions(product_id: str, document: Document) -> list[Companion]:
    others = (other for other in document["products"] if other != product_id)
    return [Companion(product_id, other, document["together"]) for other in others]
