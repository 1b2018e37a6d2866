"""The newest link of each guest, sealed, until it expires. Nobody else knows it or could tell it again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from bson import Binary
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection

GUEST_LINKS = "guest_links"


class GuestLinks:
    """Sealed links by guest."""

    def __init__(
        self, collection: AsyncCollection[dict[str, Any]], session: AsyncClientSession | None
    ) -> None:
        self._collection = collection
        self._session = session

    async def keep(self, user_id: str, sealed: bytes, issued_at: datetime, expires_at: datetime) -> None:
        """Store a guest's link, unless there is a newer one."""
        new = {"_id": user_id, "sealed": Binary(sealed), "issued_at": issued_at, "expires_at": expires_at}
        is_newer = {"$lt": ["$issued_at", issued_at]}  # what is missing is less than any date
        await self._collection.update_one(
            {"_id": user_id},
            [{"$replaceWith": {"$cond": [is_newer, {"$literal": new}, "$$ROOT"]}}],
            upsert=True,
            session=self._session,
        )

    async def sealed(self, user_ids: Iterable[str], now: datetime) -> dict[str, bytes]:
        """Return the links among those of ``user_ids`` that hold at ``now``, by guest."""
        wanted = list(user_ids)
        current = {"_id": {"$in": wanted}, "expires_at": {"$gt": now}}
        found = self._collection.find(current, {"sealed": 1}, session=self._session)
        return {each["_id"]: bytes(each["sealed"]) async for each in found.limit(len(wanted) or 1)}
