"""How much of a mailing list each user was sent lately: one document for each, written by all who send."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from pymongo import ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection

QUOTAS = "quotas"


class Quotas:
    """What counts towards the cap of a user and a list; no more is kept than the cap allows."""

    def __init__(
        self, collection: AsyncCollection[dict[str, Any]], session: AsyncClientSession | None
    ) -> None:
        self._collection = collection
        self._session = session

    async def take(
        self, mailing_list: str, user_id: str, cause: str, now: datetime, *, most: int, within: timedelta
    ) -> bool:
        """Count one mail with a ``cause``; False when ``most`` went out ``within`` that time already."""
        is_recent = {"$gt": ["$$each.at", now - within]}
        recent = {"$filter": {"input": {"$ifNull": ["$sent", []]}, "as": "each", "cond": is_recent}}
        with_this = {"$concatArrays": ["$sent", [{"cause": {"$literal": cause}, "at": now}]]}
        found = await self._collection.find_one_and_update(
            {"_id": f"{mailing_list}:{user_id}"},
            [
                {"$set": {"sent": recent}},
                {"$set": {"sent": {"$cond": [{"$lt": [{"$size": "$sent"}, most]}, with_this, "$sent"]}}},
            ],
            upsert=True,
            return_document=ReturnDocument.AFTER,
            session=self._session,
        )
        assert found is not None
        return any(each["cause"] == cause for each in found["sent"])
