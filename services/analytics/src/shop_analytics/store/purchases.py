"""What each user bought, and how often."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pymongo import DESCENDING

from shop_analytics.store.repository import Repository

PURCHASES = "purchases"


class Purchases(Repository):
    """Orders per user and product."""

    async def add(self, bought: Mapping[tuple[str, str], tuple[int, datetime]]) -> None:
        """Add orders: ``{(user, product): (how many orders, when last)}``."""
        await self._upsert(
            (
                f"{user_id}|{product_id}",
                {
                    "$inc": {"times": times},
                    "$max": {"last_at": last_at},
                    "$setOnInsert": {"user_id": user_id, "product_id": product_id},
                },
            )
            for (user_id, product_id), (times, last_at) in bought.items()
        )

    async def favourites(self, user_id: str, limit: int) -> list[str]:
        """Return the products a user bought most often, the last bought first among equals."""
        found = self._collection.find({"user_id": user_id}, {"product_id": 1}, session=self._session)
        ranked = found.sort([("times", DESCENDING), ("last_at", DESCENDING)]).limit(limit)
        return [document["product_id"] async for document in ranked]

    async def last_at(self, user_id: str, product_id: str) -> datetime | None:
        """Return when a user last bought a product."""
        found = await self._found([f"{user_id}|{product_id}"])
        return found[0]["last_at"] if found else None
