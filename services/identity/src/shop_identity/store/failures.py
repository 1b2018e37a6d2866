"""Buckets of failures, and which client addresses an account knows.

Written outside of transactions on purpose: a failure counts even though nothing else comes of the request,
and counters that many requests share must not make transactions conflict.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from pymongo import ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from shop_identity.domain.throttling import Limit
from shop_identity.store.schema import FAILURES

Bucket = tuple[Limit, str]
"""A limit and the pseudonym of whom it counts."""

_KNOWN_FOR = timedelta(days=180)
_RENEW_BEFORE = timedelta(days=90)


class FailureStore:
    """Levels of leaky buckets. ``now`` comes from the caller."""

    def __init__(self, db: AsyncDatabase[Any]) -> None:
        self._failures = db[FAILURES]

    async def levels(self, buckets: Iterable[Bucket], now: datetime) -> list[float]:
        """Return the level of each bucket, what leaked since its last failure taken off."""
        wanted = list(buckets)
        ids = [_id(bucket) for bucket in wanted]
        found = {row["_id"]: row async for row in self._failures.find({"_id": {"$in": ids}}).limit(len(ids))}
        return [_level(found.get(_id(bucket)), bucket[0], now) for bucket in wanted]

    async def charge(self, bucket: Bucket, now: datetime) -> float:
        """Count one failure and return the new level, at most the capacity."""
        limit, _ = bucket
        passed = {"$divide": [{"$subtract": [now, {"$ifNull": ["$at", now]}]}, _ms(limit.leak)]}
        left = {"$max": [0, {"$subtract": [{"$ifNull": ["$level", 0]}, passed]}]}
        level = {"$min": [limit.capacity, {"$add": [left, 1]}]}
        state = {"level": level, "at": now, "expires_at": now + limit.capacity * limit.leak}
        try:
            row = await self._update(_id(bucket), state)
        except DuplicateKeyError:  # two upserts met; the row is there now
            row = await self._update(_id(bucket), state)
        assert row is not None
        return float(row["level"])

    async def take(self, bucket: Bucket, now: datetime) -> float:
        """Count one more where the bucket is not full; return the level before. Nobody passes in between."""
        limit, _ = bucket
        passed = {"$divide": [{"$subtract": [now, {"$ifNull": ["$at", now]}]}, _ms(limit.leak)]}
        left = {"$max": [0, {"$subtract": [{"$ifNull": ["$level", 0]}, passed]}]}
        fits = {"$lte": ["$$left", limit.capacity - 1]}
        level = {"$let": {"vars": {"left": left}, "in": {"$cond": [fits, {"$add": ["$$left", 1]}, "$$left"]}}}
        state = {"level": level, "at": now, "expires_at": now + limit.capacity * limit.leak}
        try:
            row = await self._update(_id(bucket), state, ReturnDocument.BEFORE)
        except DuplicateKeyError:  # two upserts met; the row is there now
            row = await self._update(_id(bucket), state, ReturnDocument.BEFORE)
        return _level(row, limit, now)

    async def knows(self, account: str, client: str, now: datetime) -> bool:
        """Say whether somebody logged in to ``account`` from ``client`` in the last months."""
        row = await self._failures.find_one({"_id": _pair(account, client)})
        return row is not None and row["expires_at"] > now

    async def remember(self, account: str, client: str, now: datetime) -> None:
        """Note that somebody logged in to ``account`` from ``client``."""
        row = await self._failures.find_one({"_id": _pair(account, client)})
        if row is None or row["expires_at"] < now + _RENEW_BEFORE:
            await self._update(_pair(account, client), {"expires_at": now + _KNOWN_FOR})

    async def _update(
        self, id: str, state: dict[str, Any], returned: bool = ReturnDocument.AFTER
    ) -> dict[str, Any] | None:
        return await self._failures.find_one_and_update(
            {"_id": id}, [{"$set": state}], upsert=True, return_document=returned
        )


def _id(bucket: Bucket) -> str:
    limit, subject = bucket
    return f"{limit.name}:{subject}"


def _pair(account: str, client: str) -> str:
    return f"known:{account}:{client}"


def _level(row: dict[str, Any] | None, limit: Limit, now: datetime) -> float:
    return max(0.0, row["level"] - (now - row["at"]) / limit.leak) if row else 0.0


def _ms(duration: timedelta) -> float:
    return duration.total_seconds() * 1000
