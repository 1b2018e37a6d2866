"""Which webhook events were heard, so that a repetition is known for one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection

WEBHOOK_EVENTS = "webhook_events"


class WebhookEvents:
    """The ids of webhook events, kept longer than any provider repeats them."""

    def __init__(
        self, collection: AsyncCollection[dict[str, Any]], session: AsyncClientSession | None
    ) -> None:
        self._collection = collection
        self._session = session

    async def note_new(self, ids: Iterable[str], now: datetime) -> set[str]:
        """Remember ``ids`` and return those that were not known."""
        wanted = set(ids)
        found = self._collection.find({"_id": {"$in": list(wanted)}}, {"_id": 1}, session=self._session)
        new = wanted - {document["_id"] async for document in found}
        if new:
            await self._collection.insert_many([{"_id": id, "at": now} for id in new], session=self._session)
        return new
