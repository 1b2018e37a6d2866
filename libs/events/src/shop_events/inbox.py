"""The inbox: which effects have happened, by business key, and which events were given up on.

A row is written in the transaction of the effect, so a redelivered event finds it. Rows outlive every topic
they may be read from again.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from pymongo import ASCENDING, InsertOne
from pymongo.asynchronous.database import AsyncDatabase

from shop_events import clock
from shop_events.unit_of_work import UnitOfWork

INBOX = "inbox"
_REMEMBERED = timedelta(days=400)


def given_up(event_id: str) -> str:
    """Return the inbox key that says an event became a dead letter."""
    return f"dead:{event_id}"


class Inbox:
    """What has happened among the keys that a unit of work asks about, and what it adds to them."""

    def __init__(self, uow: UnitOfWork, happened: set[str]) -> None:
        self._uow = uow
        self._happened = happened
        self._fresh: set[str] = set()

    @classmethod
    async def load(cls, uow: UnitOfWork, keys: Collection[str]) -> Inbox:
        """Read which of ``keys`` have happened."""
        if not keys:
            return cls(uow, set())
        found = uow.db[INBOX].find({"_id": {"$in": list(keys)}}, {"_id": 1}, session=uow.session)
        return cls(uow, {row["_id"] async for row in found})

    def __contains__(self, key: str) -> bool:
        return key in self._happened

    def add(self, key: str) -> None:
        """Note that ``key`` happens in this unit of work."""
        if key not in self._happened:
            self._happened.add(key)
            self._fresh.add(key)

    async def forget(self, key: str) -> None:
        """Let ``key`` happen again: an operator asked for it."""
        self._happened.discard(key)
        self._fresh.discard(key)
        await self._uow.db[INBOX].delete_one({"_id": key}, session=self._uow.session)

    def flush(self) -> None:
        """Let what was added be written before the commit."""
        expires_at = clock.now() + _REMEMBERED
        for key in sorted(self._fresh):
            self._uow.write(INBOX, InsertOne({"_id": key, "expires_at": expires_at}))
        self._fresh = set()


async def migrate(db: AsyncDatabase[Any]) -> None:
    """Create the index that forgets rows nobody can need any more."""
    await db[INBOX].create_index([("expires_at", ASCENDING)], expireAfterSeconds=0)
