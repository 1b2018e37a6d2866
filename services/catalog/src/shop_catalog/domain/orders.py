"""An order: what was bought at which price, and what becomes of it; see `order_states`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from shop_catalog.domain.addresses import Address
from shop_catalog.domain.errors import (
    IllegalMove,
    MixedCurrencies,
    PaymentDeclined,
    RefundTooLarge,
    ReturnNotFound,
    ShipmentNotFound,
    TooManyPieces,
)
from shop_catalog.domain.order_states import CLOCK, MOVES, OVER, PROVIDER, WAITING, OrderStatus, StatusChange
from shop_catalog.domain.payments import MOST_TRIES, Charge, PaymentAttempt, PaymentState
from shop_catalog.domain.quotes import Quote, pieces_of
from shop_catalog.domain.refunds import (
    MOST_REFUNDS,
    MOST_RETURNS,
    Balance,
    Refund,
    RefundState,
    Return,
    ReturnState,
)
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
    OrderPaymentDeclined,
    OrderPlaced,
    OrderRefunded,
    OrderReturnDeclined,
    OrderReturned,
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
        payment: None when there was nothing to pay, nobody has begun to, or what was begun was declined and
            may be tried in another way.
        declined: earlier attempts that the provider said no to, oldest first.
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
        return None if self.payment is None else self.charge_of(self.payment)

    def charge_of(self, attempt: PaymentAttempt) -> Charge:
        """Return what the provider is, or was, asked by an attempt."""
        return Charge(attempt.id, self.id, self.total, attempt.method)

    @property
    def attempts(self) -> list[PaymentAttempt]:
        """All tries to be paid, oldest first."""
        return self.declined if self.payment is None else [*self.declined, self.payment]

    @property
    def payable_until(self) -> datetime | None:
        """When its stock goes back unless somebody begins to pay; None when nobody can begin."""
        return self.reserved_until if self.waits and self.payment is None else None

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
        """Note that the provider said no: another way may be tried while there is time, or it is cancelled.

        Each no is one event: ``OrderPaymentDeclined``, or the last one ``OrderCancelled``.

        Raises:
            IllegalMove: the order is not waiting for it.
        """
        self._assert_may_become(OrderStatus.CANCELLED)
        if self.payment is not None and self._may_try_again(at):
            attempt_id, until = self.payment.id, self.reserved_until
            self.declined.append(self.payment.declined(code))
            self.payment = None
            told = {"attempt_id": attempt_id, "declined_at": at, "payable_until": until}
            self.record(OrderPaymentDeclined(**self._said(), **told))
            return
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

    def assert_not_declined(self, attempt_id: str | None = None) -> None:
        """Tell whoever tried to pay this order if that came to nothing.

        Args:
            attempt_id: the try in question; the latest when it is None.

        Raises:
            PaymentDeclined: the provider said no.
        """
        tries = [each for each in self.attempts if attempt_id in (None, each.id)]
        if tries and tries[-1].state is PaymentState.DECLINED:
            raise PaymentDeclined(self.id, tries[-1].decline_code or "declined", self.payable_until)

    @property
    def balance(self) -> Balance:
        """What is left to be sent, returned and refunded."""
        paid = self.payment is not None and self.payment.state is PaymentState.CAPTURED
        captured = self.total.amount if paid else 0
        return Balance(self.lines, self.adjustments, captured, self.shipments, self.refunds, self.returns)

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
        self._assert_left(self.balance.to_ship, shipment.pieces)
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
        place = _place_of(shipment_id, self.shipments)
        if place is None:
            raise ShipmentNotFound
        if self.shipments[place].delivered_at is not None:
            return
        self.shipments[place] = replace(self.shipments[place], delivered_at=at)
        self._advance(at, by)
        self.record(OrderDelivered(**self._said_since(), shipment_id=shipment_id, delivered_at=at))

    def begin_refund(self, refund: Refund) -> None:
        """Note that money is going to be given back: it cannot be given another time.

        Raises:
            IllegalMove: the order is not paid, was refunded, or has too many refunds.
            RefundTooLarge, MixedCurrencies: more than is left of what was captured, or in another currency.
            TooManyPieces: more than are left that were not refunded.
        """
        self._assert_may_become(OrderStatus.REFUNDED)
        if len(self.refunds) >= MOST_REFUNDS:
            raise IllegalMove(f"an order is refunded {MOST_REFUNDS} times at most")
        self._assert_left(self.balance.unrefunded, refund.pieces)
        if refund.amount.currency != self.total.currency:
            raise MixedCurrencies(f"The order was paid in {self.total.currency}.")
        if not 0 < refund.amount.amount <= self.balance.to_refund:
            raise RefundTooLarge(self.balance.to_refund, self.total.currency)
        self.refunds.append(refund)

    def settle_refund(self, refund_id: str, succeeded: bool, at: datetime) -> Refund | None:
        """Note what became of a refund; return it, or None if that was known or it is none of these."""
        place = _place_of(refund_id, self.refunds)
        if place is None or self.refunds[place].state is not RefundState.PENDING:
            return None
        state = RefundState.SUCCEEDED if succeeded else RefundState.FAILED
        settled = self.refunds[place] = replace(self.refunds[place], state=state)
        if succeeded:
            self._advance(at, by=PROVIDER)
            refunded = self.total.model_copy(update={"amount": self.balance.refunded})
            self.record(
                OrderRefunded(
                    **self._said_since(),
                    refund_id=refund_id,
                    amount=settled.amount,
                    refunded=refunded,
                    refunded_lines=moved(self.lines, settled.pieces),
                    refunded_at=at,
                )
            )
        return settled

    def ask_return(self, wanted: Return) -> None:
        """Note that the customer wants to give goods back.

        Raises:
            IllegalMove: the order is over, or has too many returns.
            TooManyPieces: more than were sent and no return is about.
        """
        if self.status in OVER or len(self.returns) >= MOST_RETURNS:
            raise IllegalMove(f"nothing more can be returned of an order that is {self.status}")
        self._assert_left(self.balance.to_return, wanted.pieces)
        self.returns.append(wanted)

    def decide_return(self, return_id: str, accepted: bool, note: str | None, at: datetime, by: str) -> bool:
        """Note that goods are back, or will not be taken; return False when that was known.

        Raises:
            ReturnNotFound: there is no such return.
            IllegalMove: it was decided otherwise.
        """
        place = _place_of(return_id, self.returns)
        if place is None:
            raise ReturnNotFound
        asked, state = self.returns[place], ReturnState.ACCEPTED if accepted else ReturnState.DECLINED
        if asked.state is not ReturnState.ASKED:
            if asked.state is not state:
                raise IllegalMove(f"a return that was {asked.state} is not decided again")
            return False
        self.returns[place] = replace(asked, state=state, decided_at=at, note=note)
        self._advance(at, by)
        event, told = (OrderReturned, "returned") if accepted else (OrderReturnDeclined, "declined")
        lines = moved(self.lines, asked.pieces)
        self.record(event(**self._said_since(), return_id=return_id, **{told: lines, f"{told}_at": at}))
        return True

    def _advance(self, at: datetime, by: str) -> None:
        """Move on as far as what has happened to the order's goods and money allows."""
        balance = self.balance
        if self.status is OrderStatus.PAID and balance.is_sent:
            self._move(OrderStatus.FULFILLED, at, by=by)
        if self.status is OrderStatus.FULFILLED and balance.has_arrived:
            self._move(OrderStatus.DELIVERED, at, by=by)
        if OrderStatus.RETURNED in MOVES[self.status] and balance.is_returned:
            self._move(OrderStatus.RETURNED, at, by=by)
        if OrderStatus.REFUNDED in MOVES[self.status] and 0 < balance.captured == balance.refunded:
            self._move(OrderStatus.REFUNDED, at, by=by)

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

    def _may_try_again(self, at: datetime) -> bool:
        in_time = self.reserved_until is not None and at < self.reserved_until
        is_held = self.status is OrderStatus.AUTHORISED
        return in_time and not is_held and len(self.attempts) < MOST_TRIES

    def _move(
        self, status: OrderStatus, at: datetime, reason: str | None = None, by: str | None = None
    ) -> None:
        self._assert_may_become(status)
        self.status = status
        self.history.append(StatusChange(status, at, reason, by))


def _place_of(id: str, parts: Sequence[Shipment | Refund | Return]) -> int | None:
    """Return where in an order a part with this id stands."""
    return next((place for place, each in enumerate(parts) if each.id == id), None)
