"""What is kept of an order and told of it; what may happen to it is in `orders` and `after_sale`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shop_catalog.domain.addresses import Address
from shop_catalog.domain.errors import IllegalMove
from shop_catalog.domain.order_states import MOVES, OrderStatus, StatusChange
from shop_catalog.domain.payments import PaymentAttempt, PaymentState
from shop_catalog.domain.quotes import pieces_of
from shop_catalog.domain.refunds import Balance, Refund, Return
from shop_catalog.domain.requests import RequestKey
from shop_catalog.domain.shipments import Shipment
from shop_catalog.domain.variants import Pieces
from shop_events.contracts import Aggregate, Money
from shop_events.contracts.catalog import OrderAdjustment, OrderLine


@dataclass(kw_only=True, eq=False)
class OrderRecord(Aggregate):
    """What was bought, by whom, and what has become of it.

    Args:
        payment: None when there was nothing to pay, nobody has begun to, or what was begun came to
            nothing and may be tried in another way.
        declined: earlier attempts that came to nothing, oldest first.
        reserved_until: when its stock goes back, unless somebody has begun to pay.
        address: where it goes; told to nobody but its customer and operators.
        coupon_id: the promotion of which this order is one counted use, if any.
    """

    id: str
    customer_id: str
    request: RequestKey
    lines: tuple[OrderLine, ...]
    total: Money
    payment: PaymentAttempt | None
    placed_at: datetime
    status: OrderStatus = OrderStatus.PLACED
    reserved_until: datetime | None = None
    history: list[StatusChange] = field(default_factory=list)
    adjustments: tuple[OrderAdjustment, ...] = ()
    coupon_id: str | None = None
    address: Address | None = None
    shipments: list[Shipment] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    returns: list[Return] = field(default_factory=list)
    declined: list[PaymentAttempt] = field(default_factory=list)
    version: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    @property
    def pieces(self) -> list[Pieces]:
        """What was taken out of stock for it."""
        return [pieces_of(line) for line in self.lines]

    @property
    def balance(self) -> Balance:
        """What is left to be sent, returned and refunded."""
        paid = self.payment is not None and self.payment.state is PaymentState.CAPTURED
        captured = self.total.amount if paid else 0
        return Balance(self.lines, self.adjustments, captured, self.shipments, self.refunds, self.returns)

    def _said(self) -> dict[str, Any]:
        """Return what each event tells of the order."""
        return {
            "order_id": self.id,
            "user_id": self.customer_id,
            "lines": self.lines,
            "total": self.total,
            "adjustments": self.adjustments,
        }

    def _said_since(self) -> dict[str, Any]:
        """Return the same, and which state the order has been in since."""
        return {**self._said(), "state": self.status.value}

    def _assert_may_become(self, status: OrderStatus) -> None:
        if status not in MOVES[self.status]:
            raise IllegalMove(f"an order that is {self.status} cannot become {status}")

    def _move(
        self, status: OrderStatus, at: datetime, reason: str | None = None, by: str | None = None
    ) -> None:
        self._assert_may_become(status)
        self.status = status
        self.history.append(StatusChange(status, at, reason, by))
