"""Notifications in MongoDB: one document each, changed only by comparing and setting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pymongo import UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection

from shop_notifier.domain.notifications import Channel, Claim, Notification, Status

NOTIFICATIONS = "notifications"
_MUTABLE = ("version", "attempts", "deferrals", "due_at", "settle_by", "provider_id", "reason", "read_at")


class ChangedMeanwhile(Exception):
    """A notification was not as it had been loaded. Inside a transaction MongoDB notices first."""


class Notifications:
    """Loads and stores notifications; remembers what each was when loaded, and stores only over that."""

    def __init__(
        self, collection: AsyncCollection[dict[str, Any]], session: AsyncClientSession | None
    ) -> None:
        self._collection = collection
        self._session = session
        self._loaded: dict[str, dict[str, Any]] = {}

    async def absent(self, ids: Iterable[str]) -> set[str]:
        """Return those of ``ids`` that are not stored."""
        wanted = set(ids)
        found = self._collection.find({"_id": {"$in": list(wanted)}}, {"_id": 1}, session=self._session)
        return wanted - {document["_id"] async for document in found.limit(len(wanted) or 1)}

    async def add(self, notifications: Sequence[Notification]) -> None:
        """Store new ones."""
        if notifications:
            await self._collection.insert_many([_document(n) for n in notifications], session=self._session)

    async def get_many(self, ids: Iterable[str]) -> dict[str, Notification]:
        """Return the stored ones among ``ids``, by id."""
        wanted = list(set(ids))
        return {n.id: n for n in await self._find({"_id": {"$in": wanted}}, "_id", len(wanted) or 1)}

    async def statuses(self, ids: Iterable[str]) -> dict[str, Status]:
        """Return the status of the stored ones among ``ids``."""
        wanted = list(set(ids))
        found = self._collection.find({"_id": {"$in": wanted}}, {"status": 1}, session=self._session)
        return {each["_id"]: Status(each["status"]) async for each in found.limit(len(wanted) or 1)}

    async def due(self, channel: Channel, now: datetime, limit: int) -> list[Notification]:
        """Return queued ones of a channel whose time has come, longest waiting first."""
        return await self._find(
            {"channel": channel, "status": Status.QUEUED, "due_at": {"$lte": now}}, "due_at", limit
        )

    async def next_due(self, channel: Channel) -> datetime | None:
        """Return when the next queued one of a channel may be sent; None when there is none."""
        queued = {"channel": channel, "status": Status.QUEUED}
        found = await self._collection.find_one(
            queued, {"due_at": 1}, sort=[("due_at", 1)], session=self._session
        )
        return None if found is None else found["due_at"]

    async def stale(self, claimed_before: datetime, limit: int) -> list[Notification]:
        """Return those whose claim is so old that its holder cannot be sending any more."""
        old = {"status": Status.SENDING, "claim.at": {"$lt": claimed_before}}
        return await self._find(old, "claim.at", limit)

    async def overdue(self, now: datetime, limit: int) -> list[Notification]:
        """Return those with an unknown outcome whose deadline is over."""
        return await self._find({"status": Status.UNKNOWN, "settle_by": {"$lte": now}}, "settle_by", limit)

    async def save(self, notifications: Sequence[Notification]) -> None:
        """Store changed ones, each over what it was when loaded.

        Raises:
            ChangedMeanwhile: one of them is no longer that.
        """
        if not notifications:
            return
        changes = [UpdateOne(self._loaded[n.id], {"$set": _state(n)}) for n in notifications]
        result = await self._collection.bulk_write(changes, ordered=False, session=self._session)
        if result.matched_count != len(changes):
            raise ChangedMeanwhile(f"{len(changes) - result.matched_count} of {len(changes)}")

    async def own_entry(self, user_id: str, id: str) -> Notification | None:
        """Return an entry of somebody's own site inbox."""
        found = await self._find({"_id": id, "user_id": user_id, "channel": Channel.SITE}, "_id", 1)
        return found[0] if found else None

    async def inbox(
        self,
        user_id: str,
        limit: int,
        before: tuple[datetime, str] | None = None,
        since: datetime | None = None,
    ) -> list[Notification]:
        """Return entries of a site inbox, newest first: behind ``before``, made after ``since``."""
        wanted: dict[str, Any] = {"user_id": user_id, "channel": Channel.SITE}
        if since is not None:
            wanted["created_at"] = {"$gt": since}
        if before is not None:
            created_at, id = before
            wanted["$or"] = [
                {"created_at": {"$lt": created_at}},
                {"created_at": created_at, "_id": {"$lt": id}},
            ]
        newest_first = [("created_at", -1), ("_id", -1)]
        found = self._collection.find(wanted, session=self._session).sort(newest_first).limit(limit)
        return [self._notification(document) async for document in found]

    async def unread(self, user_id: str) -> int:
        """Count the entries of a site inbox that were not read."""
        waiting = {"user_id": user_id, "channel": Channel.SITE, "status": Status.DELIVERED}
        return await self._collection.count_documents(waiting, session=self._session)

    async def in_status(self, status: Status, limit: int, after: str | None) -> list[Notification]:
        """Return notifications in a status in the order of their ids, from behind ``after``."""
        wanted: dict[str, Any] = {"status": status}
        if after is not None:
            wanted["_id"] = {"$gt": after}
        return await self._find(wanted, "_id", limit)

    async def counts(self) -> list[tuple[Channel, Status, int]]:
        """Count all notifications by channel and status."""
        by = {"_id": {"channel": "$channel", "status": "$status"}, "count": {"$sum": 1}}
        found = await self._collection.aggregate([{"$group": by}], session=self._session)
        rows = [row async for row in found]
        return sorted((Channel(r["_id"]["channel"]), Status(r["_id"]["status"]), r["count"]) for r in rows)

    async def _find(self, wanted: Mapping[str, Any], by: str, limit: int) -> list[Notification]:
        found = self._collection.find(wanted, session=self._session).sort(by, 1).limit(limit)
        return [self._notification(document) async for document in found]

    def _notification(self, document: dict[str, Any]) -> Notification:
        claim = document["claim"]
        self._loaded[document["_id"]] = {
            "_id": document["_id"],
            "version": document["version"],
            "status": document["status"],
            "claim": claim,
        }
        known = {name: value for name, value in document.items() if name not in ("_id", "claim")}
        known["channel"], known["status"] = Channel(document["channel"]), Status(document["status"])
        return Notification(id=document["_id"], claim=claim and Claim(**claim), **known)


def _document(notification: Notification) -> dict[str, Any]:
    fixed = ("user_id", "channel", "kind", "about", "content", "created_at")
    return {
        "_id": notification.id,
        **{name: getattr(notification, name) for name in fixed},
        **_state(notification),
    }


def _state(notification: Notification) -> dict[str, Any]:
    claim = notification.claim
    return {
        **{name: getattr(notification, name) for name in _MUTABLE},
        "status": notification.status,
        "claim": claim and {"id": claim.id, "at": claim.at},
    }
