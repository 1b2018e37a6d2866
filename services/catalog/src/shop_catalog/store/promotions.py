"""Promotions in MongoDB, and how often each coupon was used, in all and by each customer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pymongo import UpdateOne

from shop_catalog.domain.errors import VersionConflict
from shop_catalog.domain.promotions import AmountOff, Benefit, BuyXGetY, Percentage, Promotion, PromotionTerms
from shop_catalog.domain.requests import RequestKey
from shop_catalog.store.documents import Document, Repository, request_document, request_of
from shop_events.contracts import Money

PROMOTIONS = "promotions"
COUPON_USES = "coupon_uses"
MOST_AUTOMATIC = 200


class Promotions(Repository):
    """What merchants take off their prices."""

    async def for_request(self, request: RequestKey) -> Promotion | None:
        """Return the promotion that was made for this request; see :meth:`Repository._asked_for`."""
        found = await self._asked_for(request)
        return None if found is None else promotion_of(found)

    async def get(self, promotion_id: str) -> Promotion | None:
        found = await self._collection.find_one({"_id": promotion_id}, session=self._session)
        return None if found is None else promotion_of(found)

    async def by_code(self, code: str) -> Promotion | None:
        """Return the promotion that a coupon's code asks for."""
        found = await self._collection.find_one({"code": code}, session=self._session)
        return None if found is None else promotion_of(found)

    async def page(self, limit: int, after: str | None) -> list[Promotion]:
        """Return up to ``limit`` promotions, oldest first, from behind ``after``."""
        query: Document = {} if after is None else {"_id": {"$gt": after}}
        found = self._collection.find(query, session=self._session).sort("_id", 1).limit(limit)
        return [promotion_of(document) async for document in found]

    async def automatic(self) -> list[Promotion]:
        """Return the active ones that apply by themselves, MOST_AUTOMATIC at most."""
        query = {"active": True, "code": None}
        found = self._collection.find(query, session=self._session).sort("_id", 1).limit(MOST_AUTOMATIC)
        return [promotion_of(document) async for document in found]

    async def add(self, promotion: Promotion) -> None:
        await self._collection.insert_one(_document(promotion), session=self._session)

    async def save(self, promotion: Promotion, version_before: int) -> None:
        """Store a changed promotion.

        Raises:
            VersionConflict: it is not at ``version_before`` any more.
        """
        result = await self._collection.replace_one(
            {"_id": promotion.id, "version": version_before}, _document(promotion), session=self._session
        )
        if result.matched_count != 1:
            raise VersionConflict("The promotion was changed in the meantime.")

    async def remove(self, promotion_id: str) -> None:
        await self._collection.delete_one({"_id": promotion_id}, session=self._session)


class CouponUses(Repository):
    """How many orders have used a coupon: one document for all of them, one for each customer's."""

    async def count(self, promotion_id: str, customer_id: str) -> tuple[int, int]:
        """Return the uses in all, and those of a customer."""
        ids = _ids(promotion_id, customer_id)
        found = self._collection.find({"_id": {"$in": list(ids)}}, session=self._session).limit(2)
        uses = {document["_id"]: int(document["used"]) async for document in found}
        return uses.get(ids[0], 0), uses.get(ids[1], 0)

    async def add(self, promotion_id: str, customer_id: str, uses: int) -> None:
        """Count uses (negative: give them back). Two orders that count the same coupon cannot both commit."""
        changes: Sequence[UpdateOne] = [
            UpdateOne({"_id": each}, {"$inc": {"used": uses}}, upsert=True)
            for each in _ids(promotion_id, customer_id)
        ]
        await self._collection.bulk_write(changes, session=self._session)


def _ids(promotion_id: str, customer_id: str) -> tuple[str, str]:
    return promotion_id, f"{promotion_id}/{customer_id}"


def promotion_of(document: Document) -> Promotion:
    """Return the promotion that a document holds."""
    said = {name: document[name] for name in PromotionTerms.__dataclass_fields__}
    said["benefit"] = _benefit_of(document["benefit"])
    said["product_ids"] = frozenset(document["product_ids"])
    said["minimum"] = document["minimum"] and Money(**document["minimum"])
    return Promotion(
        id=document["_id"],
        terms=PromotionTerms(**said),
        request=request_of(document),
        version=document["version"],
    )


def _document(promotion: Promotion) -> Document:
    terms = promotion.terms
    return {
        "_id": promotion.id,
        **{name: getattr(terms, name) for name in PromotionTerms.__dataclass_fields__},
        "benefit": _benefit_document(terms.benefit),
        "product_ids": sorted(terms.product_ids),
        "minimum": terms.minimum and terms.minimum.model_dump(),
        "request": request_document(promotion.request),
        "version": promotion.version,
    }


def _benefit_document(benefit: Benefit) -> Document:
    match benefit:
        case Percentage():
            return {"kind": "percentage", **asdict(benefit)}
        case AmountOff(amount):
            return {"kind": "amount", "amount": amount.model_dump()}
        case BuyXGetY():
            return {"kind": "buy_x_get_y", **asdict(benefit)}


def _benefit_of(document: dict[str, Any]) -> Benefit:
    match document["kind"]:
        case "percentage":
            return Percentage(document["basis_points"])
        case "amount":
            return AmountOff(Money(**document["amount"]))
        case _:
            return BuyXGetY(document["buy"], document["free"])
