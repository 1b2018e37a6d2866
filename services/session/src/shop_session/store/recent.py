"""Recently viewed products in MongoDB, one short list an owner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shop_session.domain.owners import Owner
from shop_session.domain.recent import MOST_RECENT, Viewed
from shop_session.store.repository import Document, Repository


class RecentlyViewed(Repository):
    """The lists there are."""

    async def of(self, owner: Owner) -> list[Viewed]:
        """Return what somebody viewed, newest first."""
        document = await self._collection.find_one({"_id": owner.id}, session=self._session)
        views = document["views"] if document else []
        return [Viewed(view["product_id"], view["at"]) for view in views]

    async def add(self, owner: Owner, fresh: Sequence[Viewed]) -> None:
        """Merge views (one a product) into the list, whatever happens to it meanwhile."""
        await self._collection.update_one(
            {"_id": owner.id}, _merged(owner, fresh), upsert=True, session=self._session
        )

    async def remove(self, owner: Owner) -> None:
        await self._collection.delete_one({"_id": owner.id}, session=self._session)


def _merged(owner: Owner, fresh: Sequence[Viewed]) -> list[Document]:
    """Return the update that keeps the newest view of each product, newest first."""
    added = {"$literal": [{"product_id": view.product_id, "at": view.at} for view in fresh]}
    present = {"$ifNull": ["$views", []]}
    is_older: Document = {"$and": [
        {"$eq": ["$$other.product_id", "$$view.product_id"]}, {"$gt": ["$$other.at", "$$view.at"]}
    ]}  # fmt: skip
    is_outdated = {"$anyElementTrue": {"$map": {"input": "$views", "as": "other", "in": is_older}}}
    newest = {"$filter": {"input": "$views", "as": "view", "cond": {"$not": is_outdated}}}
    by_time = {"$sortArray": {"input": {"$setUnion": [newest]}, "sortBy": {"at": -1, "product_id": 1}}}
    stages: list[dict[str, Any]] = [
        {"$set": {"views": {"$concatArrays": [present, added]}}},
        {"$set": {"views": {"$slice": [by_time, MOST_RECENT]}}},
    ]
    if owner.kept_until:
        stages.append({"$set": {"kept_until": owner.kept_until}})
    return stages
