"""An order: what was bought at which price, and how it is paid; see `order_states`.

What follows once it is paid is in `after_sale`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shop_catalog.domain.addresses import Address
from shop_catalog.domain.after_sale import AfterSale
from shop_catalog.domain.errors import IllegalMove, PaymentDeclined
from shop_catalog.domain.order_states import CLOCK, PROVIDER, WAITING, OrderStatus, StatusChange
from shop_catalog.domain.payments import MOST_TRIES, Charge, PaymentAttempt, PaymentState
from shop_catalog.domain.quotes import Quote
from shop_catalog.domain.requests import RequestKey
from shop_events.contracts.catalog import OrderCancelled, OrderPaid, OrderPaymentDeclined, OrderPlaced

PAYMENT_DECLINED = "payment_declined"
PAYMENT_TIMED_OUT = "payment_timed_out"
RESERVATION_EXPIRED = "reservation_expired"
NOT_WANTED = "not_wanted"


@dataclass(kw_only=True, eq=False)
class Order(AfterSale):
    """What a customer bought."""

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
        if self.payment is not None:
            self.payment = self.payment.declined(code)
        tried, until = self._set_aside(code, at, by=PROVIDER), self.reserved_until
        if tried is None:
            self._cancelled(PAYMENT_DECLINED, at, by=PROVIDER)
            return
        told = {"attempt_id": tried.id, "declined_at": at, "payable_until": until}
        self.record(OrderPaymentDeclined(**self._said(), **told))

    def abandon(self, at: datetime) -> None:
        """Note that nobody knows whether it was paid, and it has been too long.

        Another way may be tried while there is time, which nobody is told of; else it is cancelled. Whoever
        calls this has what may have been taken reversed.

        Raises:
            IllegalMove: the order is not waiting any more.
        """
        self._assert_may_become(OrderStatus.CANCELLED)
        if self.payment is not None:
            self.payment = self.payment.abandoned()
        if self._set_aside(PAYMENT_TIMED_OUT, at, by=CLOCK) is None:
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

    def _paid(self, at: datetime, by: str) -> None:
        self._move(OrderStatus.PAID, at, by=by)
        self.record(OrderPaid(**self._said(), paid_at=at))

    def _cancelled(self, reason: str, at: datetime, by: str) -> None:
        self._move(OrderStatus.CANCELLED, at, reason, by)
        self.record(OrderCancelled(**self._said(), reason=reason, cancelled_at=at))

    def _assert_unpaid(self) -> None:
        if self.status not in (OrderStatus.PLACED, OrderStatus.RESERVED) or self.payment is not None:
            raise IllegalMove(f"an order that is {self.status} is being paid, or not to be paid any more")

    def _set_aside(self, reason: str, at: datetime, by: str) -> PaymentAttempt | None:
        """Let another way to pay be tried, if there is time; return the attempt that came to nothing."""
        tried = self.payment
        in_time = self.reserved_until is not None and at < self.reserved_until
        if tried is None or not in_time or len(self.attempts) >= MOST_TRIES:
            return None
        self.declined.append(tried)
        self.payment = None
        if self.status is OrderStatus.AUTHORISED:
            self._move(OrderStatus.RESERVED, at, reason, by)
        return tried
