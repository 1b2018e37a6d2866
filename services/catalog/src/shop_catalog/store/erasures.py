"""Who is to be forgotten, in MongoDB, until it is done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shop_catalog.store.schedule import ScheduledRepository, first_check

ERASURES = "erasures"


@dataclass(frozen=True, slots=True)
class Erasure:
    """Somebody who is to be forgotten."""

    user_id: str
    asked_at: datetime


class Erasures(ScheduledRepository):
    """People who are to be forgotten."""

    async def add(self, user_id: str, at: datetime) -> None:
        """Note somebody; again is harmless."""
        noted = {"asked_at": at, "check": first_check(at)}
        await self._collection.update_one(
            {"_id": user_id}, {"$setOnInsert": noted}, upsert=True, session=self._session
        )

    async def claim(self, now: datetime, limit: int) -> list[Erasure]:
        """Return those that are due; see :meth:`ScheduledRepository._claim`."""
        return [Erasure(each["_id"], each["asked_at"]) for each in await self._claim({}, now, limit)]

    async def finish(self, user_id: str) -> None:
        """Note that nothing is known of them any more."""
        await self._collection.delete_one({"_id": user_id}, session=self._session)
