"""How far each topic-partition was read. Written in the transaction of what was read, compared first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection

from shop_analytics.store.repository import Document, Repository

POSITIONS = "positions"

Place = tuple[str, int]
"""A topic (without prefix) and a partition."""


class PositionMoved(Exception):
    """Somebody else has read on from there; this transaction must not be committed."""


class Positions(Repository):
    """The offset to read next, by place."""

    async def next(self, places: Iterable[Place]) -> dict[Place, int]:
        """Return where to go on; 0 for a place that was never read."""
        wanted = {_id(place): place for place in places}
        positions = dict.fromkeys(wanted.values(), 0)
        for document in await self._found(wanted):
            positions[wanted[document["_id"]]] = document["next"]
        return positions

    async def advance(self, moves: Mapping[Place, tuple[int, int]]) -> None:
        """Move each place from the offset it was read at to a later one.

        Raises:
            PositionMoved: a place is not where it was read.
        """
        writes = [
            UpdateOne({"_id": _id(place), "next": before}, {"$set": {"next": after}})
            for place, (before, after) in moves.items()
        ]
        if writes:
            result = await self._collection.bulk_write(writes, ordered=False, session=self._session)
            if result.matched_count != len(writes):
                raise PositionMoved


async def begin(collection: AsyncCollection[Document], places: Iterable[Place]) -> dict[Place, int]:
    """Return where to go on, noting places that are read for the first time."""
    places = list(places)
    writes = [UpdateOne({"_id": _id(place)}, {"$setOnInsert": {"next": 0}}, upsert=True) for place in places]
    if writes:
        await collection.bulk_write(writes, ordered=False)
    return await Positions(collection, None).next(places)


async def rewind(collection: AsyncCollection[Document], topic: str, to: int) -> int:
    """Let the next worker read a topic from offset ``to`` on; return how many partitions were behind it."""
    ours = {"_id": {"$regex": f"^{re.escape(topic)}/"}, "next": {"$gt": to}}
    result = await collection.update_many(ours, {"$set": {"next": to}})
    return result.modified_count


def _id(place: Place) -> str:
    return f"{place[0]}/{place[1]}"
