"""Which events were counted. For events that nothing else in the state can recognise when they come again."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from pymongo import InsertOne

from shop_analytics.store.repository import Repository

SEEN = "seen"
_REMEMBERED = timedelta(days=60)
"""Longer than any topic read here keeps its records."""


class Seen(Repository):
    """Ids of events."""

    async def fresh(self, ids: Collection[str], now: datetime) -> set[str]:
        """Return those of ``ids`` that are new, and remember them."""
        known = {document["_id"] for document in await self._found(ids)}
        fresh = set(ids) - known
        expires_at = now + _REMEMBERED
        await self._write([InsertOne({"_id": id, "expires_at": expires_at}) for id in sorted(fresh)])
        return fresh
