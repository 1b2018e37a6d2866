"""Orders as catalog tells of them: what users bought, for themselves to see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pymongo import DESCENDING

from shop_events.contracts import Money
from shop_events.contracts.catalog import (
    OrderCancelled,
    OrderDelivered,
    OrderLine,
    OrderPaid,
    OrderPlaced,
    OrderRefunded,
    OrderReturned,
    OrderShipped,
)
from shop_events.read_model import ReadModel

LaterEvent = OrderShipped | OrderDelivered | OrderReturned | OrderRefunded
OrderEvent = OrderPlaced | OrderPaid | OrderCancelled | LaterEvent
OrderState = Literal["placed", "paid", "fulfilled", "delivered", "returned", "refunded", "cancelled"]


@dataclass(frozen=True, slots=True)
class Order:
    """An order as its customer may see it again. ``changed_at`` is when it came into its state."""

    id: str
    status: OrderState
    lines: tuple[OrderLine, ...]
    total: Money
    placed_at: datetime
    changed_at: datetime


class Orders(ReadModel):
    """The newest state of each order."""

    async def keep(self, event: OrderEvent, sequence: int) -> None:
        """Remember an order as an event tells of it; when it was placed is known from the first one."""
        status, at = _state_of(event)
        known = await self.get(event.order_id)
        said = event.model_dump(include={"user_id", "lines", "total"})
        placed_at = at if known is None or status == "placed" else known["placed_at"]
        if known is not None and known["status"] == status:
            at = known["changed_at"]
        said |= {"status": status, "placed_at": placed_at, "changed_at": at}
        await self.put(event.order_id, sequence, said)

    async def page(self, user_id: str, limit: int, before: str | None) -> list[Order]:
        """Return up to ``limit`` orders of a user, newest first, from behind the id ``before``."""
        query: dict[str, Any] = {"user_id": user_id}
        if before is not None:
            query["_id"] = {"$lt": before}
        found = self._collection.find(query, session=self._session).sort("_id", DESCENDING).limit(limit)
        return [_order_of(document) async for document in found]

    async def forget_user(self, user_id: str) -> None:
        await self._collection.delete_many({"user_id": user_id}, session=self._session)


def _state_of(event: OrderEvent) -> tuple[OrderState, datetime]:
    match event:
        case OrderPlaced():
            return "placed", event.placed_at
        case OrderPaid():
            return "paid", event.paid_at
        case OrderCancelled():
            return "cancelled", event.cancelled_at
        case _:
            return event.state, _since(event)


def _since(event: LaterEvent) -> datetime:
    match event:
        case OrderShipped():
            return event.shipped_at
        case OrderDelivered():
            return event.delivered_at
        case OrderReturned():
            return event.returned_at
        case OrderRefunded():
            return event.refunded_at


def _order_of(document: dict[str, Any]) -> Order:
    return Order(
        id=document["_id"],
        status=document["status"],
        lines=tuple(OrderLine.model_validate(line) for line in document["lines"]),
        total=Money.model_validate(document["total"]),
        placed_at=document["placed_at"],
        changed_at=document["changed_at"],
    )
