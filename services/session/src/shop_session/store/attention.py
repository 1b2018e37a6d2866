"""What is remembered of people's activity: one document an owner, which only ever has something appended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pymongo import UpdateOne
from pymongo.write_concern import WriteConcern

from shop_session.domain.attention import MOST_TOLD, MOST_TOTALS, MOST_VIEWS, News, Remembered
from shop_session.domain.owners import Owner
from shop_session.domain.recent import Viewed
from shop_session.store.repository import Document, Repository

# A memory that a crash of MongoDB shortens costs no fact, so nobody waits for the journal.
_QUICKLY = WriteConcern(1)
_UNCOUNTED = -1
"""Changes of a memory from before they were counted."""


class Attention(Repository):
    """The memories there are."""

    async def of(self, owner: Owner) -> Remembered:
        """Return what is known of somebody."""
        document = await self._collection.find_one({"_id": owner.id}, session=self._session)
        return _remembered(document) if document else Remembered()

    async def changes_of(self, owner_ids: Sequence[str]) -> list[int]:
        """Return how often something was added to what is known of several, in their order."""
        wanted = list(set(owner_ids))
        found = self._collection.find({"_id": {"$in": wanted}}, {"changes": 1}, session=self._session)
        changes = {document["_id"]: document.get("changes", _UNCOUNTED) for document in await found.to_list()}
        return [changes.get(owner_id, 0) for owner_id in owner_ids]

    async def of_all(self, owners: Sequence[Owner]) -> list[Remembered]:
        """Return what is known of several, in their order, but for what they viewed."""
        wanted = list({owner.id for owner in owners})
        found = self._collection.find({"_id": {"$in": wanted}}, {"views": 0}, session=self._session)
        known = {document["_id"]: _remembered(document) for document in await found.to_list()}
        return [known.get(owner.id) or Remembered() for owner in owners]

    async def remember_all(self, news: Sequence[News]) -> None:
        """Append to several memories, outside of any transaction."""
        quick = self._collection.with_options(write_concern=_QUICKLY)
        await quick.bulk_write([_appended(each) for each in news], ordered=False)

    async def hand_over(self, guest: Owner, user: Owner) -> None:
        """Let a user remember what the guest did that they were."""
        document = await self._collection.find_one({"_id": guest.id}, session=self._session)
        if document:
            known = _remembered(document)
            news = News(user, document["told"], known.totals, known.views)
            await self._collection.bulk_write([_appended(news)], session=self._session)
            await self.remove(guest)

    async def remove(self, owner: Owner) -> None:
        await self._collection.delete_one({"_id": owner.id}, session=self._session)


def _appended(news: News) -> UpdateOne:
    totals = [{"view": view, "milliseconds": total} for view, total in news.totals.items()]
    views = [{"product_id": view.product_id, "at": view.at} for view in news.views]
    change: Document = {
        "$push": {
            "told": _at_the_end(news.told, MOST_TOLD, news.cut),
            "totals": _at_the_end(totals, MOST_TOTALS, news.cut),
            "views": _at_the_end(views, MOST_VIEWS, news.cut),
        },
        "$inc": {"changes": 1},
    }
    if news.owner.kept_until:
        change["$max"] = {"kept_until": news.owner.kept_until}
    return UpdateOne({"_id": news.owner.id}, change, upsert=True)


def _at_the_end(items: Sequence[Any], most: int, cut: bool) -> Document:
    return {"$each": list(items), "$slice": -most} if cut else {"$each": list(items)}


def _remembered(document: Document) -> Remembered:
    totals: dict[int, int] = {}
    for each in document["totals"]:
        totals[each["view"]] = max(each["milliseconds"], totals.get(each["view"], 0))
    views = [Viewed(each["product_id"], each["at"]) for each in document.get("views", ())]
    return Remembered(document.get("changes", _UNCOUNTED), set(document["told"]), totals, views)
