"""What of the visitors' activity has been told, so that telling it again is noticed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from bson import Binary
from pymongo import UpdateOne

from shop_events.ids import derived_id
from shop_session.store.repository import Repository


class Told(Repository):
    """Ids of events that are in the topic (see ``activity_event_id``)."""

    async def known(self, event_ids: Collection[str]) -> set[str]:
        """Return those of ``event_ids`` that were told before."""
        keys = [_key(each) for each in event_ids]
        found = self._collection.find({"_id": {"$in": keys}}, session=self._session)
        return {str(UUID(bytes=document["_id"])) async for document in found}

    async def remember(self, event_ids: Collection[str], kept_until: datetime) -> None:
        writes = [
            UpdateOne({"_id": _key(each)}, {"$set": {"kept_until": kept_until}}, upsert=True)
            for each in event_ids
        ]
        await self._collection.bulk_write(writes, ordered=False, session=self._session)


class Engagement(Repository):
    """How long each view of a page has lasted so far, in milliseconds."""

    async def totals(self, visitor_id: str, view_ids: Collection[str]) -> dict[str, int]:
        """Return the highest total told of each of a visitor's views."""
        keys = {derived_id("view", visitor_id, view_id): view_id for view_id in view_ids}
        found = self._collection.find({"_id": {"$in": list(keys)}}, session=self._session)
        return {keys[document["_id"]]: document["milliseconds"] async for document in found}

    async def remember(self, visitor_id: str, totals: Mapping[str, int], kept_until: datetime) -> None:
        """Keep the maximum of what is known and what is told."""
        writes = [
            UpdateOne(
                {"_id": derived_id("view", visitor_id, view_id)},
                {"$max": {"milliseconds": total, "kept_until": kept_until}},
                upsert=True,
            )
            for view_id, total in totals.items()
        ]
        await self._collection.bulk_write(writes, ordered=False, session=self._session)


def _key(event_id: str) -> Binary:
    return Binary(UUID(event_id).bytes)
