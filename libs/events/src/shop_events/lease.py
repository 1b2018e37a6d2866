"""One holder at a time: a lease in the service's own database, measured by the database's clock."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pymongo import ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

LEASES = "leases"


class LeaseLost(Exception):
    """Somebody else holds the lease by now; whatever depended on it must stop."""


class Lease:
    """A named lease that lapses ``ttl`` after its last renewal.

    A holder that was paused past its lease still believes in it: writes that matter must carry
    :meth:`assert_held` in their own transaction, or be fenced by the system they go to.
    """

    def __init__(self, db: AsyncDatabase[Any], name: str, holder: str, ttl: timedelta) -> None:
        self._leases = db[LEASES]
        self._name = name
        self._holder = holder
        self._ttl_ms = int(ttl.total_seconds() * 1000)

    async def acquire(self) -> bool:
        """Take the lease if it is free, lapsed or ours; say whether it is ours now."""
        available = {
            "$or": [
                {"$eq": [{"$ifNull": ["$holder", self._holder]}, self._holder]},
                {"$lt": ["$until", "$$NOW"]},
            ]
        }
        taken = {field: {"$cond": [available, new, f"${field}"]} for field, new in self._claim().items()}
        try:
            lease = await self._leases.find_one_and_update(
                {"_id": self._name}, [{"$set": taken}], upsert=True, return_document=ReturnDocument.AFTER
            )
        except DuplicateKeyError:  # two made it at once; the other one was first
            return False
        return lease is not None and bool(lease["holder"] == self._holder)

    async def renew(self) -> bool:
        """Hold on to the lease; False when it has gone to somebody else."""
        result = await self._leases.update_one(
            {"_id": self._name, "holder": self._holder}, [{"$set": self._claim()}]
        )
        return result.matched_count == 1

    async def release(self) -> None:
        """Let the next one have it at once."""
        await self._leases.delete_one({"_id": self._name, "holder": self._holder})

    async def assert_held(self, session: AsyncClientSession) -> None:
        """Make the surrounding transaction fail unless the lease is ours.

        It writes, so that a transaction of a holder that comes later conflicts with this one.

        Raises:
            LeaseLost: it is not ours.
        """
        result = await self._leases.update_one(
            {"_id": self._name, "holder": self._holder}, {"$inc": {"uses": 1}}, session=session
        )
        if result.matched_count != 1:
            raise LeaseLost(self._name)

    def _claim(self) -> dict[str, Any]:
        return {"holder": self._holder, "until": {"$add": ["$$NOW", self._ttl_ms]}}
