"""How often two products were met together: in one order, in one visit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pymongo import DESCENDING, UpdateOne

from shop_analytics.domain.recommendations import Companion
from shop_analytics.store.repository import Repository

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
                    {"_id": f"{one}|{other}"},
                    {"$inc": {"together": count}, "$setOnInsert": {"products": [one, other]}},
                    upsert=True,
                )
                for (one, other), count in counts.items()
            ]
        )

    async def companions(self, product_ids: Iterable[str], limit: int) -> list[Companion]:
        """Return the products met most often with the given ones, up to ``limit`` pairs for each of them."""
        return [companion for id in product_ids for companion in await self._of(id, limit)]

    async def _of(self, product_id: str, limit: int) -> list[Companion]:
        found = self._collection.find({"products": product_id}, session=self._session)
        pairs = found.sort("together", DESCENDING).limit(limit)
        return [
            Companion(product_id, other, document["together"])
            async for document in pairs
            for other in document["products"]
            if other != product_id
        ]
