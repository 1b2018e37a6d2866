"""Opportunities to suggest something, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from pymongo import ASCENDING, InsertOne, ReturnDocument

from shop_analytics.domain.suggestions import Opportunity
from shop_analytics.store.repository import Document, Repository

SUGGESTIONS = "suggestions"
SUGGESTION_VERSIONS = "suggestion_versions"

Outcome = Literal["made", "bought", "late", "nothing"]


class Suggestions(Repository):
    """One row for each user, occasion and day; it stays, so that the occasion is not taken twice."""

    async def note(self, opportunities: Iterable[Opportunity]) -> None:
        """Keep the opportunities whose user, occasion and day have none yet."""
        first: dict[str, Opportunity] = {}
        for opportunity in opportunities:
            first.setdefault(opportunity.id, opportunity)
        known = {document["_id"] for document in await self._found(first, {"_id": 1})}
        await self._write([InsertOne(_document(each)) for id, each in first.items() if id not in known])

    async def due(self, by: datetime, limit: int) -> list[Opportunity]:
        """Return up to ``limit`` opportunities whose time has come, the earliest first."""
        found = self._collection.find({"outcome": None, "due_at": {"$lte": by}}, session=self._session)
        return [_opportunity(document) async for document in found.sort("due_at", ASCENDING).limit(limit)]

    async def close(self, opportunity: Opportunity, outcome: Outcome, now: datetime) -> bool:
        """Note what became of an opportunity; say whether nobody did so before."""
        result = await self._collection.update_one(
            {"_id": opportunity.id, "outcome": None},
            {"$set": {"outcome": outcome, "closed_at": now}},
            session=self._session,
        )
        return result.matched_count == 1


class SuggestionVersions(Repository):
    """How many suggestions each user was made: the sequence of the events about them."""

    async def next(self, user_id: str) -> int:
        """Count one more and return how many they are now."""
        document = await self._collection.find_one_and_update(
            {"_id": user_id},
            {"$inc": {"version": 1}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
            session=self._session,
        )
        assert document
        return int(document["version"])


def _document(opportunity: Opportunity) -> Document:
    return {
        "_id": opportunity.id,
        "user_id": opportunity.user_id,
        "occasion": opportunity.occasion,
        "about": opportunity.about,
        "at": opportunity.at,
        "due_at": opportunity.due_at,
        "since": opportunity.since,
        "bought": list(opportunity.bought),
        "outcome": None,
    }


def _opportunity(document: Document) -> Opportunity:
    return Opportunity(
        user_id=document["user_id"],
        occasion=document["occasion"],
        about=document["about"],
        at=document["at"],
        due_at=document["due_at"],
        since=document["since"],
        bought=tuple(document["bought"]),
    )
