"""Reviews, votes and tallies in MongoDB. The tally is part of the product's document, and no change of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pymongo import UpdateOne

from shop_catalog.domain.errors import VersionConflict
from shop_catalog.domain.requests import RequestKey
from shop_catalog.domain.reviews import BOUGHT, RATINGS, Opinion, Review, ReviewStatus, Tally
from shop_catalog.store.documents import Document, Repository, request_document, request_of

REVIEWS = "reviews"
REVIEW_VOTES = "review_votes"


class Reviews(Repository):
    """The reviews of all products."""

    async def for_request(self, request: RequestKey) -> Review | None:
        """Return the review that was written with this request; see :meth:`Repository._asked_for`."""
        found = await self._asked_for(request)
        return None if found is None else review_of(found)

    async def get(self, review_id: str) -> Review | None:
        found = await self._collection.find_one({"_id": review_id}, session=self._session)
        return None if found is None else review_of(found)

    async def of_customer(self, product_id: str, customer_id: str) -> Review | None:
        """Return the one review that a customer has written of a product."""
        query = {"product_id": product_id, "customer_id": customer_id}
        found = await self._collection.find_one(query, session=self._session)
        return None if found is None else review_of(found)

    async def all_of(self, customer_id: str, limit: int) -> list[Review]:
        """Return up to ``limit`` reviews of a customer, in no particular order."""
        found = self._collection.find({"customer_id": customer_id}, session=self._session).limit(limit)
        return [review_of(document) async for document in found]

    async def newest(self, product_id: str, limit: int, before: str | None) -> list[Review]:
        """Return up to ``limit`` published reviews of a product, newest first, from behind ``before``."""
        query = _shown(product_id)
        if before is not None:
            query["_id"] = {"$lt": before}
        return await self._many(query, [("_id", -1)], limit)

    async def most_helpful(self, product_id: str, limit: int, after: tuple[int, str] | None) -> list[Review]:
        """Return up to ``limit`` published reviews of a product by votes, from behind votes and id."""
        query = _shown(product_id)
        if after is not None:
            helpful, review_id = after
            query["$or"] = [{"helpful": {"$lt": helpful}}, {"helpful": helpful, "_id": {"$lt": review_id}}]
        return await self._many(query, [("helpful", -1), ("_id", -1)], limit)

    async def queue(self, status: ReviewStatus, limit: int, after: str | None) -> list[Review]:
        """Return up to ``limit`` reviews in a state, oldest first, from behind the id ``after``."""
        query: Document = {"status": status.value}
        if after is not None:
            query["_id"] = {"$gt": after}
        return await self._many(query, [("_id", 1)], limit)

    async def add(self, review: Review) -> None:
        document = {
            "_id": review.id,
            "product_id": review.product_id,
            "customer_id": review.customer_id,
            "order_id": review.order_id,
            "request": request_document(review.request),
            "written_at": review.written_at,
            "helpful": 0,
            **_state(review),
        }
        await self._collection.insert_one(document, session=self._session)

    async def save(self, review: Review) -> None:
        """Store a change.

        Raises:
            VersionConflict: it is at another version than when it was read.
        """
        result = await self._collection.update_one(
            {"_id": review.id, "version": review.version_read},
            {"$set": _state(review)},
            session=self._session,
        )
        if result.matched_count != 1:
            raise VersionConflict("The review was changed in the meantime.")

    async def remove(self, review_id: str) -> None:
        await self._collection.delete_one({"_id": review_id}, session=self._session)

    async def count_vote(self, review_id: str, number: int) -> None:
        """Add to the votes of a review. It is no change of the review, and conflicts with its removal."""
        await self._collection.update_one(
            {"_id": review_id}, {"$inc": {"helpful": number}}, session=self._session
        )

    async def tallies(self, product_ids: Iterable[str]) -> dict[str, Tally]:
        """Count the published reviews of products anew; those without any are not among the answer."""
        stages: Sequence[Mapping[str, Any]] = [
            {"$match": {"product_id": {"$in": list(product_ids)}, "status": ReviewStatus.PUBLISHED.value}},
            {
                "$group": {
                    "_id": {"product": "$product_id", "rating": "$rating"},
                    "number": {"$sum": 1},
                    "recommended": {"$sum": {"$cond": ["$recommends", 1, 0]}},
                }
            },
        ]
        ratings: dict[str, Counter[int]] = {}
        recommended: Counter[str] = Counter()
        async for group in await self._collection.aggregate(stages, session=self._session):
            product_id = group["_id"]["product"]
            ratings.setdefault(product_id, Counter())[group["_id"]["rating"]] = group["number"]
            recommended[product_id] += group["recommended"]
        return {
            product_id: Tally(tuple(numbers[each] for each in RATINGS), recommended[product_id])
            for product_id, numbers in ratings.items()
        }

    async def _many(self, query: Document, order: list[tuple[str, int]], limit: int) -> list[Review]:
        found = self._collection.find(query, session=self._session).sort(order).limit(limit)
        return [review_of(document) async for document in found]


class Votes(Repository):
    """Who found which review helpful."""

    async def add(self, review_id: str, user_id: str) -> bool:
        """Note a vote; False when there is one already."""
        vote = {"_id": _vote_id(review_id, user_id), "review_id": review_id, "user_id": user_id}
        if await self._collection.find_one({"_id": vote["_id"]}, session=self._session):
            return False
        await self._collection.insert_one(vote, session=self._session)
        return True

    async def remove(self, review_id: str, user_id: str) -> bool:
        """Take a vote back; False when there is none."""
        vote = {"_id": _vote_id(review_id, user_id)}
        return (await self._collection.delete_one(vote, session=self._session)).deleted_count == 1

    async def forget(self, review_id: str) -> None:
        """Remove all votes for a review."""
        await self._collection.delete_many({"review_id": review_id}, session=self._session)

    async def all_of(self, user_id: str, limit: int) -> list[str]:
        """Return up to ``limit`` ids of reviews that a user voted for."""
        found = self._collection.find({"user_id": user_id}, session=self._session).limit(limit)
        return [document["review_id"] async for document in found]


class Tallies(Repository):
    """What reviews come to, within the documents of products."""

    async def move(self, product_id: str, before: Opinion | None, after: Opinion | None) -> None:
        """Count ``after`` in place of ``before``; None is what does not count."""
        added: Counter[str] = Counter({"reviews.revision": 1})
        for opinion, number in ((before, -1), (after, 1)):
            if opinion is not None:
                added[f"reviews.ratings.{opinion.rating}"] += number
                added["reviews.recommended"] += number * opinion.recommends
        if before != after:
            await self._collection.update_one({"_id": product_id}, {"$inc": added}, session=self._session)

    async def known_after(self, after: str, limit: int) -> dict[str, Tally]:
        """Return up to ``limit`` products behind the id ``after`` with their tallies, in order of ids."""
        found = self._collection.find({"_id": {"$gt": after}}, {"reviews": 1}, session=self._session)
        return {each["_id"]: tally_of(each) async for each in found.sort("_id", 1).limit(limit)}

    async def put(self, tallies: Mapping[str, Tally]) -> None:
        """Store tallies as they are."""
        writes = [
            UpdateOne({"_id": product_id}, {"$set": {"reviews": _tally(tally)}})
            for product_id, tally in tallies.items()
        ]
        if writes:
            await self._collection.bulk_write(writes, session=self._session)


class Purchases(Repository):
    """Who bought what, within the orders."""

    async def order_with(self, product_id: str, customer_id: str) -> str | None:
        """Return the id of an order by which a customer has a product; None when there is none."""
        query = {
            "customer_id": customer_id,
            "lines.product_id": product_id,
            "status": {"$in": sorted(BOUGHT)},
        }
        found = await self._collection.find_one(query, {"_id": 1}, session=self._session)
        return None if found is None else str(found["_id"])


def review_of(document: Mapping[str, Any]) -> Review:
    """Return the review that a document holds."""
    return Review(
        id=document["_id"],
        product_id=document["product_id"],
        customer_id=document["customer_id"],
        order_id=document["order_id"],
        request=request_of(document),
        opinion=Opinion(document["rating"], document["recommends"], document["title"], document["text"]),
        written_at=document["written_at"],
        edited_at=document["edited_at"],
        status=ReviewStatus(document["status"]),
        reason=document["reason"],
        helpful=document["helpful"],
        version=document["version"],
    )


def tally_of(document: Mapping[str, Any]) -> Tally:
    """Return what the reviews of a product come to, as its document says."""
    known = document.get("reviews", {})
    ratings = known.get("ratings", {})
    return Tally(
        tuple(ratings.get(str(each), 0) for each in RATINGS),
        known.get("recommended", 0),
        known.get("revision", 0),
    )


def _tally(tally: Tally) -> Document:
    ratings = {str(rating): number for rating, number in zip(RATINGS, tally.ratings, strict=True)}
    return {"ratings": ratings, "recommended": tally.recommended, "revision": tally.revision}


def _state(review: Review) -> Document:
    return {
        **asdict(review.opinion),
        "edited_at": review.edited_at,
        "status": review.status.value,
        "reason": review.reason,
        "version": review.version,
    }


def _shown(product_id: str) -> Document:
    return {"product_id": product_id, "status": ReviewStatus.PUBLISHED.value}


def _vote_id(review_id: str, user_id: str) -> str:
    return f"{review_id}:{user_id}"
