"""The states of an order, which may follow on which, and what is kept of each step.

::

    placed ──► reserved ◄─► authorised ──► paid ──► fulfilled ──► delivered
                  │             │            │          │             │
                  └─► cancelled ◄┘           │          └─► returned ◄┘
                                             └─────► refunded ◄── from any after it

An order is placed and its stock reserved in one transaction, so that `placed` is a step of the history; only
versions before there was `reserved` stored it. A provider that takes the money at once passes `authorised` in
one transaction too. What was authorised and lapses leaves the order reserved while its reservation lasts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

PROVIDER = "payment_provider"
CLOCK = "clock"


class OrderStatus(StrEnum):
    """The states of an order."""

    PLACED = "placed"
    RESERVED = "reserved"
    AUTHORISED = "authorised"
    PAID = "paid"
    FULFILLED = "fulfilled"
    DELIVERED = "delivered"
    RETURNED = "returned"
    REFUNDED = "refunded"
    CANCELLED = "cancelled"


_PAYABLE = {OrderStatus.AUTHORISED, OrderStatus.PAID, OrderStatus.CANCELLED}
MOVES = {
    OrderStatus.PLACED: {OrderStatus.RESERVED, *_PAYABLE},
    OrderStatus.RESERVED: _PAYABLE,
    OrderStatus.AUTHORISED: {OrderStatus.PAID, OrderStatus.RESERVED, OrderStatus.CANCELLED},
    OrderStatus.PAID: {OrderStatus.FULFILLED, OrderStatus.REFUNDED},
    OrderStatus.FULFILLED: {OrderStatus.DELIVERED, OrderStatus.RETURNED, OrderStatus.REFUNDED},
    OrderStatus.DELIVERED: {OrderStatus.RETURNED, OrderStatus.REFUNDED},
    OrderStatus.RETURNED: {OrderStatus.REFUNDED},
    OrderStatus.REFUNDED: set[OrderStatus](),
    OrderStatus.CANCELLED: set[OrderStatus](),
}

WAITING = (OrderStatus.PLACED, OrderStatus.RESERVED, OrderStatus.AUTHORISED)
"""Those in which an order waits for its money, and something looks after it from time to time."""

OVER = (OrderStatus.REFUNDED, OrderStatus.CANCELLED)
"""Those from which nothing leads on."""


ON_ITS_WAY = frozenset({*WAITING, OrderStatus.PAID, OrderStatus.FULFILLED})
"""Those in which goods are, or may be, still to arrive."""


class WaitingFor(StrEnum):
    """What operators have to do about an order: send it, decide about a return, see to a failed refund."""

    SHIPMENT = "shipment"
    DECISION = "decision"
    REFUND = "refund"


@dataclass(frozen=True, slots=True)
class StatusChange:
    """When, why and by whom an order came into a state.

    Args:
        by: a user's id, PROVIDER or CLOCK; None in what earlier versions stored.
    """

    status: OrderStatus
    at: datetime
    reason: str | None = None
    by: str | None = None
