"""The score of each product as it was last told. Owned here: kept when the read models are built anew."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pymongo import ASCENDING, DESCENDING, ReplaceOne, ReturnDocument, UpdateMany, UpdateOne

from shop_analytics.domain.popularity import Heat, Score
from shop_analytics.store.repository import Document, Repository

SCORES = "scores"
PROGRESS = "progress"


@dataclass(frozen=True, slots=True)
class ScoredProduct:
    """A score as of a moment; ``version`` is the sequence of the event that tells it."""

    product_id: str
    score: Score
    at: datetime
    version: int


class Scores(Repository):
    """Scores by product. A dropped one leaves its version behind, so that numbers never start anew."""

    async def load(self, product_ids: Iterable[str]) -> dict[str, ScoredProduct]:
        """Return the scores that are known."""
        return {document["_id"]: _scored(document) for document in await self._found(product_ids)}

    async def save(self, scored: Iterable[ScoredProduct], heat: Heat) -> None:
        """Store scores as they are."""
        await self._write(
            [ReplaceOne({"_id": each.product_id}, _document(each, heat), upsert=True) for each in scored]
        )

    async def drop(self, product_id: str) -> int:
        """Let a product have no score; return the version of that, 0 if it had none before."""
        document = await self._collection.find_one_and_update(
            {"_id": product_id, "popularity": {"$gt": 0}},
            {"$set": {"popularity": 0.0, "trend": 0.0}, "$unset": {"rank": ""}, "$inc": {"version": 1}},
            return_document=ReturnDocument.AFTER,
            session=self._session,
        )
        return int(document["version"]) if document else 0

    async def most_popular(self, limit: int) -> list[str]:
        """Return the most popular products."""
        found = self._collection.find({"rank": {"$exists": True}}, {"_id": 1}, session=self._session)
        return [document["_id"] async for document in found.sort("rank", DESCENDING).limit(limit)]

    async def told_before(self, moment: datetime, limit: int) -> list[str]:
        """Return up to ``limit`` products whose score was neither told nor checked since."""
        found = self._collection.find({"checked_at": {"$lt": moment}}, {"_id": 1}, session=self._session)
        return [document["_id"] async for document in found.sort("checked_at", ASCENDING).limit(limit)]

    async def checked(self, product_ids: Iterable[str], now: datetime) -> None:
        """Note that scores need not be told again."""
        ids = sorted(product_ids)
        if ids:
            await self._write([UpdateMany({"_id": {"$in": ids}}, {"$set": {"checked_at": now}})])

    async def all_after(self, after: str, limit: int) -> list[ScoredProduct]:
        """Return up to ``limit`` scores by product id, from behind the id ``after``."""
        found = self._collection.find({"_id": {"$gt": after}}, session=self._session)
        return [_scored(document) async for document in found.sort("_id", ASCENDING).limit(limit)]


class Progress(Repository):
    """Until when all that was added has been looked at, by what looks: scores, or page views that wait."""

    async def looked_until(self, what: str) -> datetime | None:
        """Return when the last look that was finished began; None before the first."""
        found = await self._found([what])
        return found[0]["until"] if found else None

    async def note(self, what: str, until: datetime) -> None:
        """Note that all that was added by then has been looked at."""
        await self._write([UpdateOne({"_id": what}, {"$max": {"until": until}}, upsert=True)])


def _scored(document: Document) -> ScoredProduct:
    score = Score(document["popularity"], document["trend"])
    return ScoredProduct(document["_id"], score, document["at"], document["version"])


def _document(scored: ScoredProduct, heat: Heat) -> Document:
    return {
        "popularity": scored.score.popularity,
        "trend": scored.score.trend,
        "rank": heat.rank(scored.score.popularity, scored.at),
        "at": scored.at,
        "checked_at": scored.at,
        "version": scored.version,
    }
