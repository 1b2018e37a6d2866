"""Searches in MongoDB, for as long as a choice among their results can be told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from shop_catalog.domain.search import Search
from shop_catalog.store.documents import Document, Repository

SEARCHES = "searches"
KEPT = timedelta(days=1)
_LONGEST_COUNT_MS = 10_000


class Searches(Repository):
    """Pages of results that were shown lately."""

    async def get(self, search_id: str) -> Search | None:
        found = await self._collection.find_one({"_id": search_id}, session=self._session)
        return None if found is None else _search_of(found)

    async def add(self, searches: Sequence[Search]) -> None:
        await self._collection.insert_many([_document(each) for each in searches], session=self._session)

    async def popular(self, least: int, most: int) -> list[str]:
        """Return what at least ``least`` visitors have looked for since searches are kept, most wanted first.

        Raises:
            PyMongoError: MongoDB failed, or took longer than it may.
        """
        asked: Document = {"phrase": {"$gt": ""}}
        found = await self._collection.aggregate(
            [
                {"$match": asked},
                {"$group": {"_id": {"phrase": "$phrase", "visitor": "$visitor_id"}}},
                {"$group": {"_id": "$_id.phrase", "visitors": {"$sum": 1}}},
                {"$match": {"visitors": {"$gte": least}}},
                {"$sort": {"visitors": -1, "_id": 1}},
                {"$limit": most},
            ],
            allowDiskUse=True,
            maxTimeMS=_LONGEST_COUNT_MS,
        )
        return [each["_id"] async for each in found]

    async def save(self, search: Search) -> None:
        """Store what was chosen; of two at the same time, MongoDB lets one begin anew."""
        changed = {"chosen": list(search.chosen), "version": search.version}
        await self._collection.update_one({"_id": search.id}, {"$set": changed}, session=self._session)


def _document(search: Search) -> Document:
    return {
        "_id": search.id,
        "visitor_id": search.visitor_id,
        "product_ids": list(search.product_ids),
        "skipped": search.skipped,
        "at": search.at,
        "chosen": list(search.chosen),
        "version": search.version,
        **({"phrase": search.phrase} if search.phrase else {}),
    }


def _search_of(document: Document) -> Search:
    return Search(
        id=document["_id"],
        visitor_id=document["visitor_id"],
        product_ids=document["product_ids"],
        skipped=document["skipped"],
        at=document["at"],
        chosen=document["chosen"],
        version=document["version"],
    )
