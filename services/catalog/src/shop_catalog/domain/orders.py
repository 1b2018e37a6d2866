"""An order: what was bought at which price, and what becomes of it; see `order_states`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from shop_catalog.domain.addresses import Address
from shop_catalog.domain.errors import IllegalMove, PaymentDeclined, ShipmentNotFound, TooManyPieces
from shop_catalog.domain.order_states import CLOCK, MOVES, PROVIDER, WAITING, OrderStatus, StatusChange
from shop_catalog.domain.payments import Charge, PaymentAttempt, PaymentState
from shop_catalog.domain.quotes import Quote, pieces_of
from shop_catalog.domain.requests import RequestKey
from shop_catalog.domain.shipments import MOST_SHIPMENTS, Shipment, counted, moved
from shop_catalog.domain.variants import Pieces
from shop_events.contracts import Aggregate, Money
from shop_events.contracts.catalog import (
    OrderAdjustment,
    OrderCancelled,
    OrderDelivered,
    OrderLine,
    OrderPaid,
    OrderPlaced,
    OrderShipped,
)

PAYMENT_DECLINED = "payment_declined"
PAYMENT_TIMED_OUT = "payment_timed_out"
RESERVATION_EXPIRED = "reservation_expired"
NOT_WANTED = "not_wanted"


@dataclass(kw_only=True, eq=False)
class Order(Aggregate):
    """What a customer bought.

    Args:
        payment: None when there was nothing to pay, or nobody has begun to.
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
    version: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    @classmethod
    def place(
        cls,
        order_id: str,
        request: RequestKey,
        quote: Quote,
        attempt: PaymentAttempt | None,
        at: datetime,
        *,
        reserved_until: datetime | None = None,
        address: Address | None = None,
    ) -> Order:
        """Open an order of the user in ``request``, its stock taken; what costs nothing is paid at once.

        ``attempt`` None leaves it to be paid later, by ``reserved_until``.
        """
        order = cls(
            id=order_id,
            customer_id=request.user_id,
            request=request,
            lines=quote.lines,
            total=quote.total,
            payment=attempt if quote.total.amount else None,
            placed_at=at,
            reserved_until=reserved_until,
            history=[StatusChange(OrderStatus.PLACED, at, by=request.user_id)],
            adjustments=quote.adjustments,
            address=address,
        )
        order.record(OrderPlaced(**order._said(), placed_at=at))
        order._move(OrderStatus.RESERVED, at, by=request.user_id)
        if not quote.total.amount:
            order._paid(at, by=request.user_id)
        return order

    @property
    def pieces(self) -> list[Pieces]:
        """What was taken out of stock for it."""
        return [pieces_of(line) for line in self.lines]

    @property
    def charge(self) -> Charge | None:
        """What the provider is to be asked; None when there is nothing to pay."""
        if self.payment is None:
            return None
        return Charge(self.payment.id, self.id, self.total, self.payment.method)

    def is_paid_by(self, attempt_id: str) -> bool:
        """Say whether the attempt is the one that pays, or was to pay, for this order."""
        return self.payment is not None and self.payment.id == attempt_id

    @property
    def waits(self) -> bool:
        """Whether it is open if it will be paid."""
        return self.status in WAITING

    def begin_payment(self, attempt: PaymentAttempt) -> None:
        """Note that the provider is going to be asked: the reservation cannot expire any more.

        Raises:
            IllegalMove: the order is not reserved, or a payment was begun.
        """
        self._assert_unpaid()
        self.payment = attempt

    def authorise(self, intent_id: str, at: datetime) -> None:
        """Note that the provider holds the money for us.

        Raises:
            IllegalMove: the order is not waiting for it.
        """
        self._move(OrderStatus.AUTHORISED, at, by=PROVIDER)
        if self.payment is not None:
            self.payment = self.payment.authorised(intent_id)

    def expire(self, at: datetime) -> None:
        """Cancel because nobody has begun to pay in time.

        Raises:
            IllegalMove: somebody has, or there is time left.
        """
        self._assert_unpaid()
        if self.reserved_until is None or at < self.reserved_until:
            raise IllegalMove("there is time left to pay")
        self._cancelled(RESERVATION_EXPIRED, at, by=CLOCK)

    def cancel(self, by: str, at: datetime) -> None:
        """Cancel because it is not wanted any more.

        Raises:
            IllegalMove: it is paid, or being paid.
        """
        self._assert_unpaid()
        self._cancelled(NOT_WANTED, at, by)

    def pay(self, intent_id: str, at: datetime) -> None:
        """Note that the provider has taken the money.

        Raises:
            IllegalMove: the order is not waiting for it.
        """
        self._assert_may_become(OrderStatus.PAID)
        if self.payment is not None:
            self.payment = self.payment.captured(intent_id)
        if self.status is not OrderStatus.AUTHORISED:
            self._move(OrderStatus.AUTHORISED, at, by=PROVIDER)
        self._paid(at, by=PROVIDER)

    def decline(self, code: str, at: datetime) -> None:
        """Cancel because the provider said no.

        Raises:
            IllegalMove: the order is not waiting for it.
        """
        self._assert_may_become(OrderStatus.CANCELLED)
        if self.payment is not None:
            self.payment = self.payment.declined(code)
        self._cancelled(PAYMENT_DECLINED, at, by=PROVIDER)

    def abandon(self, at: datetime) -> None:
        """Cancel because nobody knows whether it was paid, and it has been too long.

        Raises:
            IllegalMove: the order is not waiting any more.
        """
        self._assert_may_become(OrderStatus.CANCELLED)
        if self.payment is not None:
            self.payment = self.payment.abandoned()
        self._cancelled(PAYMENT_TIMED_OUT, at, by=CLOCK)

    def assert_not_declined(self) -> None:
        """Tell whoever placed this order if it came to nothing.

        Raises:
            PaymentDeclined: it was cancelled because the provider said no.
        """
        if self.payment is not None and self.payment.state is PaymentState.DECLINED:
            raise PaymentDeclined(self.id, self.payment.decline_code or "declined")

    @property
    def to_ship(self) -> Counter[str]:
        """How many pieces of each variant are still to be sent."""
        return counted([self.pieces]) - counted(each.pieces for each in self.shipments)

    def ship(self, shipment: Shipment, by: str) -> None:
        """Note that a parcel has left; with the last piece the order is fulfilled.

        Raises:
            IllegalMove: the order is not paid, there are too many parcels, or nothing is in this one.
            TooManyPieces: more than are still to be sent.
        """
        self._assert_may_become(OrderStatus.FULFILLED)
        if len(self.shipments) >= MOST_SHIPMENTS:
            raise IllegalMove(f"an order goes in {MOST_SHIPMENTS} parcels at most")
        if not shipment.pieces:
            raise IllegalMove("there is nothing left to send")
        self._assert_left(self.to_ship, shipment.pieces)
        self.shipments.append(shipment)
        self._advance(shipment.shipped_at, by)
        self.record(
            OrderShipped(
                **self._said_since(),
                shipment_id=shipment.id,
                shipped=moved(self.lines, shipment.pieces),
                carrier=shipment.carrier,
                shipped_at=shipment.shipped_at,
            )
        )

    def deliver(self, shipment_id: str, at: datetime, by: str) -> None:
        """Note that a parcel has arrived, whatever became of the order meanwhile; again changes nothing.

        Raises:
            ShipmentNotFound: there is no such parcel.
        """
        place = next((n for n, each in enumerate(self.shipments) if each.id == shipment_id), None)
        if place is None:
            raise ShipmentNotFound
        if self.shipments[place].delivered_at is not None:
            return
        self.shipments[place] = replace(self.shipments[place], delivered_at=at)
        self._advance(at, by)
        self.record(OrderDelivered(**self._said_since(), shipment_id=shipment_id, delivered_at=at))

    def _advance(self, at: datetime, by: str) -> None:
        """Move on as far as what has happened to the order's pieces allows."""
        if self.status is OrderStatus.PAID and self.shipments and not self.to_ship:
            self._move(OrderStatus.FULFILLED, at, by=by)
        if self.status is OrderStatus.FULFILLED and all(each.delivered_at for each in self.shipments):
            self._move(OrderStatus.DELIVERED, at, by=by)

    @staticmethod
    def _assert_left(left: Mapping[str, int], pieces: Iterable[Pieces]) -> None:
        if any(count > left.get(variant_id, 0) for variant_id, count in counted([pieces]).items()):
            raise TooManyPieces(left)

    def _paid(self, at: datetime, by: str) -> None:
        self._move(OrderStatus.PAID, at, by=by)
        self.record(OrderPaid(**self._said(), paid_at=at))

    def _cancelled(self, reason: str, at: datetime, by: str) -> None:
        self._move(OrderStatus.CANCELLED, at, reason, by)
        self.record(OrderCancelled(**self._said(), reason=reason, cancelled_at=at))

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

    def _assert_unpaid(self) -> None:
        if self.status not in (OrderStatus.PLACED, OrderStatus.RESERVED) or self.payment is not None:
            raise IllegalMove(f"an order that is {self.status} is being paid, or not to be paid any more")

    def _move(
        self, status: OrderStatus, at: datetime, reason: str | None = None, by: str | None = None
    ) -> None:
        self._assert_may_become(status)
        self.status = status
        self.history.append(StatusChange(status, at, reason, by))
