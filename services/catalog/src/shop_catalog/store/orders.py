"""Orders in MongoDB, each with its payment attempt and its history inside."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta

from shop_catalog.domain.addresses import Address
from shop_catalog.domain.order_states import WAITING, OrderStatus, StatusChange
from shop_catalog.domain.orders import Order
from shop_catalog.domain.payments import PaymentAttempt, PaymentState
from shop_catalog.domain.requests import RequestKey
from shop_catalog.store.documents import Document, request_document, request_of, version_before
from shop_catalog.store.schedule import ScheduledRepository, first_check
from shop_events.contracts import Money
from shop_events.contracts.catalog import OrderAdjustment, OrderLine

ORDERS = "orders"
IS_WAITING: Document = {"status": {"$in": [status.value for status in WAITING]}}


class Orders(ScheduledRepository):
    """The orders of all customers."""

    async def for_request(self, request: RequestKey) -> Order | None:
        """Return the order that was placed with this request; see :meth:`Repository._asked_for`."""
        found = await self._asked_for(request)
        return None if found is None else order_of(found)

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

    async def add(self, order: Order, check_after: timedelta) -> None:
        """Store a new order; if its payment is not settled after ``check_after``, it is asked about."""
        await self._collection.insert_one(
            {
                "_id": order.id,
                "customer_id": order.customer_id,
                "request": request_document(order.request),
                "lines": [line.model_dump() for line in order.lines],
                "total": order.total.model_dump(),
                "adjustments": [each.model_dump() for each in order.adjustments],
                "coupon_id": order.coupon_id,
                "address": order.address and asdict(order.address),
                "placed_at": order.placed_at,
                "reserved_until": order.reserved_until,
                "check": first_check(order.placed_at + check_after),
                **_state(order),
            },
            session=self._session,
        )

    async def save(self, order: Order) -> None:
        """Store what has happened to an order since it was read.

        Raises:
            RuntimeError: it is at another version, which a transaction's snapshot rules out.
        """
        result = await self._collection.update_one(
            {"_id": order.id, "version": version_before(order)},
            {"$set": _state(order)},
            session=self._session,
        )
        if result.matched_count != 1:
            raise RuntimeError(f"{order.id} is not at the version it was read at")

    async def claim_unsettled(self, now: datetime, limit: int) -> list[Order]:
        """Return orders whose payment is to be asked about; see :meth:`ScheduledRepository._claim`."""
        return [order_of(each) for each in await self._claim(IS_WAITING, now, limit)]

    async def look_again(self, order_id: str, at: datetime) -> None:
        """Have somebody look after a waiting order at another time than was planned."""
        await self._collection.update_one(
            {"_id": order_id}, {"$set": {"check": first_check(at)}}, session=self._session
        )


def order_of(document: Document) -> Order:
    """Return the order that a document holds."""
    return Order(
        id=document["_id"],
        customer_id=document["customer_id"],
        request=request_of(document),
        lines=tuple(OrderLine(**line) for line in document["lines"]),
        total=Money(**document["total"]),
        payment=_attempt_of(document["payment"]),
        placed_at=document["placed_at"],
        status=OrderStatus(document["status"]),
        reserved_until=document.get("reserved_until"),
        history=[
            StatusChange(OrderStatus(each["status"]), each["at"], each["reason"], each.get("by"))
            for each in document["history"]
        ],
        adjustments=tuple(OrderAdjustment(**each) for each in document.get("adjustments", ())),
        coupon_id=document.get("coupon_id"),
        address=_address_of(document.get("address")),
        version=document["version"],
    )


def _address_of(document: Document | None) -> Address | None:
    if document is None:
        return None
    return Address(**{**document, "lines": tuple(document["lines"])})


def _attempt_of(document: Document | None) -> PaymentAttempt | None:
    if document is None:
        return None
    return PaymentAttempt(**{**document, "state": PaymentState(document["state"])})


def _state(order: Order) -> Document:
    return {
        "payment": None if order.payment is None else _plain(asdict(order.payment)),
        "status": order.status.value,
        "history": [_plain(asdict(change)) for change in order.history],
        "version": order.version,
    }


def _plain(document: Document) -> Document:
    """Return a document whose enum members are plain text, as BSON wants them."""
    return {
        name: value.value if isinstance(value, OrderStatus | PaymentState) else value
        for name, value in document.items()
    }
