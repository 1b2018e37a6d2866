"""Numbers events that belong to no aggregate, one sequence a subject (of each topic)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pymongo import ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from shop_identity.store.schema import ACCESS


class AccessLog:
    """Hands out sequence numbers. Those of subjects not seen for long begin anew."""

    def __init__(self, db: AsyncDatabase[Any], session: AsyncClientSession | None) -> None:
        self._sequences = db[ACCESS]
        self._session = session

    async def next(self, subject: str, now: datetime) -> int:
        """Return the next number of ``subject``, beginning with 1."""
        document = await self._sequences.find_one_and_update(
            {"_id": subject},
            {"$inc": {"sequence": 1}, "$set": {"touched_at": now}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
            session=self._session,
        )
        assert document is not None
        return int(document["sequence"])
