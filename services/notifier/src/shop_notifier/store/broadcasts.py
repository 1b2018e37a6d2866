"""Broadcasts, and who has read them: one document for each broadcast, and one for each reader of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from shop_notifier.domain.broadcasts import MOST_SHOWN, Broadcast, Notice

BROADCASTS = "broadcasts"
BROADCAST_READS = "broadcast_reads"

_NEWEST_FIRST = [("created_at", -1), ("_id", -1)]


class Broadcasts:
    """Reads and writes broadcasts. Nothing is written for those who have not read them."""

    def __init__(self, db: AsyncDatabase[Any], session: AsyncClientSession | None) -> None:
        self._broadcasts = db[BROADCASTS]
        self._reads = db[BROADCAST_READS]
        self._session = session

    async def add(self, broadcast: Broadcast) -> None:
        """Store a new one."""
        notice = broadcast.notice
        document = {
            "_id": broadcast.id,
            "title": notice.title,
            "body": notice.body,
            "link": notice.link,
            "created_at": broadcast.created_at,
            "created_by": broadcast.created_by,
            "key": broadcast.key,
            "shown_until": broadcast.shown_until,
            "withdrawn_at": broadcast.withdrawn_at,
        }
        await self._broadcasts.insert_one(document, session=self._session)

    async def get(self, id: str) -> Broadcast | None:
        """Return one, None when there is none."""
        return await self._one({"_id": id})

    async def by_key(self, created_by: str, key: str) -> Broadcast | None:
        """Return what an administrator published with an idempotency key."""
        return await self._one({"created_by": created_by, "key": key})

    async def save_withdrawn(self, broadcast: Broadcast) -> None:
        """Store that one was withdrawn."""
        await self._broadcasts.update_one(
            {"_id": broadcast.id}, {"$set": {"withdrawn_at": broadcast.withdrawn_at}}, session=self._session
        )

    async def newest(self, limit: int, before: tuple[datetime, str] | None) -> list[Broadcast]:
        """Return all there ever were, newest first, from behind the position ``before``."""
        return await self._find(_behind(before), limit)

    async def shown(
        self,
        now: datetime,
        limit: int = MOST_SHOWN,
        before: tuple[datetime, str] | None = None,
        since: datetime | None = None,
    ) -> list[Broadcast]:
        """Return those that people see, newest first: behind ``before``, made after ``since``."""
        visible = {"withdrawn_at": None, "shown_until": {"$gt": now}}
        newer = {"created_at": {"$gt": since}} if since else {}
        return await self._find({"$and": [visible, newer, _behind(before)]}, min(limit, MOST_SHOWN))

    async def read_at(self, user_id: str, ids: Iterable[str]) -> dict[str, datetime]:
        """Return when a user read those of ``ids`` that they read."""
        wanted = [f"{id}:{user_id}" for id in ids]
        if not wanted:
            return {}
        found = self._reads.find({"_id": {"$in": wanted}}, session=self._session).limit(len(wanted))
        return {each["broadcast_id"]: each["at"] async for each in found}

    async def mark_read(self, user_id: str, broadcast: Broadcast, now: datetime) -> datetime:
        """Remember that a user read one; return when they did so first."""
        first = {
            "user_id": user_id,
            "broadcast_id": broadcast.id,
            "at": now,
            "expires_at": broadcast.shown_until,
        }
        found = await self._reads.find_one_and_update(
            {"_id": f"{broadcast.id}:{user_id}"},
            {"$setOnInsert": first},
            upsert=True,
            return_document=ReturnDocument.AFTER,
            session=self._session,
        )
        assert found is not None
        at: datetime = found["at"]
        return at

    async def unread(self, user_id: str, now: datetime) -> int:
        """Count the shown ones that a user has not read."""
        shown = await self.shown(now)
        return len(shown) - len(await self.read_at(user_id, (each.id for each in shown)))

    async def _one(self, wanted: dict[str, Any]) -> Broadcast | None:
        found = await self._find(wanted, 1)
        return found[0] if found else None

    async def _find(self, wanted: dict[str, Any], limit: int) -> list[Broadcast]:
        found = self._broadcasts.find(wanted, session=self._session).sort(_NEWEST_FIRST).limit(limit)
        return [_broadcast(document) async for document in found]


def _behind(position: tuple[datetime, str] | None) -> dict[str, Any]:
    if position is None:
        return {}
    at, id = position
    return {"$or": [{"created_at": {"$lt": at}}, {"created_at": at, "_id": {"$lt": id}}]}


def _broadcast(document: dict[str, Any]) -> Broadcast:
    known = {name: document[name] for name in ("created_at", "created_by", "key", "shown_until")}
    notice = Notice(document["title"], document["body"], document["link"])
    return Broadcast(document["_id"], notice, withdrawn_at=document["withdrawn_at"], **known)
