"""Orders in MongoDB, each with its payment attempt and its history inside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from shop_catalog.domain.order_states import ON_ITS_WAY, WAITING, OrderStatus, WaitingFor
from shop_catalog.domain.orders import Order
from shop_catalog.domain.requests import RequestKey
from shop_catalog.store.documents import Document, version_before
from shop_catalog.store.order_documents import document_of, order_of, state_of
from shop_catalog.store.schedule import ScheduledRepository, first_check

ORDERS = "orders"
IS_WAITING: Document = {"status": {"$in": [status.value for status in WAITING]}}
IS_REFUNDING: Document = {"refunding": True}
IS_TO_SEND: Document = {"status": OrderStatus.PAID.value}
IS_RETURNING: Document = {"returning": True}
IS_UNREFUNDED: Document = {"refund_failed": True}


def _each(name: str, change: Document) -> Document:
    """Return an expression: the array ``name`` with each of its elements changed."""
    changed = {"$mergeObjects": ["$$this", change]}
    return {"$map": {"input": {"$ifNull": [f"${name}", []]}, "in": changed}}


_NO_CARD: Document = {"method": "erased", "asked": None}
_KNOWS_PERSON: Document = {"erased": {"$ne": True}}
_WITHOUT_PERSON: Document = {
    "erased": True,
    "address": None,
    "payment": {"$cond": [{"$eq": ["$payment", None]}, None, {"$mergeObjects": ["$payment", _NO_CARD]}]},
    "declined": _each("declined", _NO_CARD),
    "shipments": _each("shipments", {"tracking_number": None}),
    "refunds": _each("refunds", {"resolution": None}),
    "returns": _each("returns", {"reason": "", "note": None}),
}
_QUEUES = {
    WaitingFor.SHIPMENT: IS_TO_SEND,
    WaitingFor.DECISION: IS_RETURNING,
    WaitingFor.REFUND: IS_UNREFUNDED,
}


class Orders(ScheduledRepository):
    """The orders of all customers."""

    async def for_requests(self, requests: Sequence[RequestKey]) -> dict[tuple[str, str], Order]:
        """Return the orders that were placed with these users' keys, by user and key."""
        asked = [{"request.user_id": each.user_id, "request.key": each.key} for each in requests]
        found = self._collection.find({"$or": asked}, session=self._session).limit(len(asked))
        orders = [order_of(document) async for document in found]
        return {(each.request.user_id, each.request.key): each for each in orders}

    async def get(self, order_id: str) -> Order | None:
        found = await self._collection.find_one({"_id": order_id}, session=self._session)
        return None if found is None else order_of(found)

    async def page(self, customer_id: str, limit: int, before: str | None) -> list[Order]:
        """Return up to ``limit`` orders of a customer, newest first, from behind ``before``."""
        query: Document = {"customer_id": customer_id}
        if before is not None:
            query["_id"] = {"$lt": before}
        found = self._collection.find(query, session=self._session).sort("_id", -1).limit(limit)
        return [order_of(document) async for document in found]

    async def queue(self, waiting_for: WaitingFor, limit: int, after: str | None) -> list[Order]:
        """Return up to ``limit`` orders that wait for an operator, oldest first, from behind ``after``."""
        query = _QUEUES[waiting_for].copy()
        if after is not None:
            query["_id"] = {"$gt": after}
        found = self._collection.find(query, session=self._session).sort("_id", 1).limit(limit)
        return [order_of(document) async for document in found]

    async def add_many(self, orders: Sequence[tuple[Order, timedelta]]) -> None:
        """Store new orders, each with the time after which its payment, unless settled, is asked about."""
        if orders:
            documents = [
                {**document_of(order), "check": first_check(order.placed_at + check_after)}
                for order, check_after in orders
            ]
            await self._collection.insert_many(documents, session=self._session)

    async def save(self, order: Order) -> None:
        """Store what has happened to an order since it was read.

        Raises:
            RuntimeError: it is at another version, which a transaction's snapshot rules out.
        """
        result = await self._collection.update_one(
            {"_id": order.id, "version": version_before(order)},
            {"$set": state_of(order)},
            session=self._session,
        )
        if result.matched_count != 1:
            raise RuntimeError(f"{order.id} is not at the version it was read at")

    async def erase_person(self, customer_id: str, limit: int, *, also_open: bool) -> int:
        """Forget address, card and words in up to ``limit`` orders of a customer; return in how many.

        Those that are still to arrive keep them, unless ``also_open``.
        """
        query = {"customer_id": customer_id, **_KNOWS_PERSON}
        if not also_open:
            query["status"] = {"$nin": [status.value for status in ON_ITS_WAY]}
        found = self._collection.find(query, {"_id": 1}, session=self._session).limit(limit)
        ids = [each["_id"] async for each in found]
        await self._collection.update_many(
            {"_id": {"$in": ids}}, [{"$set": _WITHOUT_PERSON}], session=self._session
        )
        return len(ids)

    async def knows_person(self, customer_id: str) -> bool:
        """Say whether an order of a customer has not been through :meth:`erase_person`."""
        query = {"customer_id": customer_id, **_KNOWS_PERSON}
        return await self._collection.find_one(query, {"_id": 1}, session=self._session) is not None

    async def claim_unsettled(self, now: datetime, limit: int) -> list[Order]:
        """Return orders whose payment is to be asked about; see :meth:`ScheduledRepository._claim`."""
        return [order_of(each) for each in await self._claim(IS_WAITING, now, limit)]

    async def claim_refunding(self, now: datetime, limit: int) -> list[Order]:
        """Return orders with refunds to be asked about; see :meth:`ScheduledRepository._claim`."""
        return [order_of(each) for each in await self._claim(IS_REFUNDING, now, limit)]

    async def look_again(self, order_id: str, at: datetime) -> None:
        """Have somebody look after an order at another time than was planned."""
        await self._collection.update_one(
            {"_id": order_id}, {"$set": {"check": first_check(at)}}, session=self._session
        )
