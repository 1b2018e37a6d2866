"""When alerts of a rule began to be gathered: one document per rule, which all who gather write to."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from pymongo import ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection

ALERT_WINDOWS = "alert_windows"


class AlertWindows:
    """The window of each rule that was opened last."""

    def __init__(
        self, collection: AsyncCollection[dict[str, Any]], session: AsyncClientSession | None
    ) -> None:
        self._collection = collection
        self._session = session

    async def opened_at(self, rule: str, now: datetime, window: timedelta) -> datetime:
        """Return when the open window of a rule began; when there is none, it begins now.

        It writes in any case, so that of two transactions that gather for one rule one comes after the other.
        """
        is_open = {"$gt": ["$opened_at", now - window]}
        state = {
            "opened_at": {"$cond": [is_open, "$opened_at", now]},
            "alerts": {"$add": [{"$ifNull": ["$alerts", 0]}, 1]},
        }
        found = await self._collection.find_one_and_update(
            {"_id": rule},
            [{"$set": state}],
            upsert=True,
            return_document=ReturnDocument.AFTER,
            session=self._session,
        )
        assert found is not None
        opened: datetime = found["opened_at"]
        return opened
