"""Who unsubscribed from which mailing list: one document for each, which says when last."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection

SUPPRESSIONS = "suppressions"


class Suppressions:
    """The unsubscriptions of all users."""

    def __init__(
        self, collection: AsyncCollection[dict[str, Any]], session: AsyncClientSession | None
    ) -> None:
        self._collection = collection
        self._session = session

    async def add(self, mailing_list: str, user_id: str, at: datetime) -> None:
        """Remember that a user unsubscribed; again only moves the time on."""
        await self._collection.update_one(
            {"_id": f"{mailing_list}:{user_id}"},
            {"$set": {"list": mailing_list, "user_id": user_id}, "$max": {"at": at}},
            upsert=True,
            session=self._session,
        )

    async def of(self, mailing_list: str, user_ids: Iterable[str]) -> dict[str, datetime]:
        """Return when those of ``user_ids`` who unsubscribed from a list did so."""
        wanted = [f"{mailing_list}:{user_id}" for user_id in set(user_ids)]
        found = self._collection.find({"_id": {"$in": wanted}}, session=self._session)
        return {each["user_id"]: each["at"] async for each in found.limit(len(wanted) or 1)}
