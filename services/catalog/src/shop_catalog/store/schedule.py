"""When something unsettled is looked at again: a ``check`` of ``{at, count}`` inside its document."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pymongo import UpdateOne

from shop_catalog.store.documents import Document, Repository

FIRST_DELAY = timedelta(seconds=5)
LONGEST_DELAY = timedelta(minutes=5)


class ScheduledRepository(Repository):
    """Documents of which some wait to be looked at again."""

    async def _claim(self, waiting: Mapping[str, Any], now: datetime, limit: int) -> list[Document]:
        """Return up to ``limit`` of the ``waiting`` documents that are due, the longest due first.

        Each is due again later, so that one that fails time and again does not stand in others' way.
        """
        due = {**waiting, "check.at": {"$lte": now}}
        found = self._collection.find(due, session=self._session).sort("check.at", 1).limit(limit)
        documents = [document async for document in found]
        if documents:
            writes = [UpdateOne({"_id": each["_id"]}, _later(each["check"], now)) for each in documents]
            await self._collection.bulk_write(writes, ordered=False, session=self._session)
        return documents


def first_check(at: datetime) -> Document:
    """Return the ``check`` of a new document."""
    return {"at": at, "count": 0}


def _later(check: Mapping[str, Any], now: datetime) -> Document:
    """Put the next look off: by 5 s, then twice as long each time, up to 5 min."""
    delay = min(FIRST_DELAY * 2 ** min(check["count"], 10), LONGEST_DELAY)
    return {"$set": {"check.at": now + delay}, "$inc": {"check.count": 1}}
