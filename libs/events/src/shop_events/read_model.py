"""A read model: the newest state of other services' aggregates, kept by the highest sequence."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase

Forget = Callable[[AsyncDatabase[Any]], Awaitable[None]]
"""Empties what a projection keeps in a service's database."""


class ReadModel:
    """Documents that come from a topic of state. Older news than what is stored changes nothing.

    A removed aggregate leaves ``gone`` and its sequence behind, so that late news cannot bring it back.
    """

    def __init__(
        self, collection: AsyncCollection[dict[str, Any]], session: AsyncClientSession | None
    ) -> None:
        self._collection = collection
        self._session = session

    async def put(self, key: str, sequence: int, document: Mapping[str, Any]) -> None:
        """Store the state of ``key`` at ``sequence``, unless newer is known."""
        await self._replace(key, sequence, {**document, "gone": False})

    async def remove(self, key: str, sequence: int) -> None:
        """Forget ``key`` as of ``sequence``, unless newer is known."""
        await self._replace(key, sequence, {"gone": True})

    async def get(self, key: str) -> dict[str, Any] | None:
        """Return the document of ``key``, None when it is unknown or gone."""
        return await self._collection.find_one({"_id": key, "gone": False}, session=self._session)

    async def get_many(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return the known documents among ``keys``, by key."""
        wanted = list(keys)
        found = self._collection.find({"_id": {"$in": wanted}, "gone": False}, session=self._session)
        return {document["_id"]: document async for document in found.limit(len(wanted) or 1)}

    async def _replace(self, key: str, sequence: int, document: Mapping[str, Any]) -> None:
        new = {"$literal": {**document, "_id": key, "sequence": sequence}}
        is_newer = {"$lt": [{"$ifNull": ["$sequence", -1]}, sequence]}
        # One pipeline update instead of a filtered upsert, whose duplicate key would end the transaction.
        await self._collection.update_one(
            {"_id": key},
            [{"$replaceWith": {"$cond": [is_newer, new, "$$ROOT"]}}],
            upsert=True,
            session=self._session,
        )


def emptied(collection: str) -> Forget:
    """Return what forgets a read model that has a collection to itself.

    What is gone stays so: compaction has removed its tombstone by then, and without the sequence here, an old
    event that is replayed would bring it back.
    """

    async def forget(db: AsyncDatabase[Any]) -> None:
        await db[collection].delete_many({"gone": {"$ne": True}})

    return forget
