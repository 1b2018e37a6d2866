"""An order: what was bought at which price, and what becomes of it; see `order_states`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shop_catalog.domain.errors import (
    IllegalMove,
    MixedCurrencies,
    PaymentDeclined,
    PriceChanged,
    TotalTooLarge,
    UnknownProducts,
)
from shop_catalog.domain.order_states import CLOCK, MOVES, PROVIDER, WAITING, OrderStatus, StatusChange
from shop_catalog.domain.payments import Charge, PaymentAttempt, PaymentState
from shop_catalog.domain.pricing import PriceRules, price
from shop_catalog.domain.products import MAX_AMOUNT, Product
from shop_catalog.domain.requests import RequestKey
from shop_catalog.domain.variants import Item, Pieces
from shop_events.contracts import Aggregate, Money
from shop_events.contracts.catalog import (
    OrderAdjustment,
    OrderCancelled,
    OrderLine,
    OrderPaid,
    OrderPlaced,
    first_variant_id,
)

PAYMENT_DECLINED = "payment_declined"
PAYMENT_TIMED_OUT = "payment_timed_out"
RESERVATION_EXPIRED = "reservation_expired"
NOT_WANTED = "not_wanted"


@dataclass(frozen=True, slots=True)
class Basket:
    """What a customer wants to buy.

    Args:
        quantities: pieces by product and variant; no variant means the only one.
        payment_method: the provider's token; None to reserve now and pay later.
        expected_total: what the customer was shown, if they say.
        currency: what they want to pay in; None for the usual one of what they buy.
        coupon: a promotion's code.
        country: where it goes, as ISO 3166-1 alpha-2; None for wherever no tariff is special.
    """

    quantities: Mapping[Item, int]
    payment_method: str | None
    expected_total: Money | None = None
    currency: str | None = None
    coupon: str | None = None
    country: str | None = None

    @property
    def product_ids(self) -> set[str]:
        """The products it is about."""
        return {item.product_id for item in self.quantities}


@dataclass(frozen=True, slots=True)
class Quote:
    """What a basket costs now."""

    lines: tuple[OrderLine, ...]
    total: Money
    adjustments: tuple[OrderAdjustment, ...] = ()

    @classmethod
    def of(
        cls, quantities: Mapping[Item, int], products: Iterable[Product], currency: str | None = None
    ) -> Quote:
        """Price a basket at the present prices; lines of the same variant are taken together.

        Raises:
            UnknownProducts: some are not for sale.
            UnknownVariant, VariantNeeded: it is not clear which variant of a product is meant.
            MixedCurrencies: the prices are in more than one currency, or not in the one asked for.
            TotalTooLarge: the total is above MAX_AMOUNT.
        """
        on_sale = {product.id: product for product in products}
        if unknown := {item.product_id for item in quantities} - on_sale.keys():
            raise UnknownProducts(unknown)
        pieces: Counter[Item] = Counter()
        for item, count in quantities.items():
            chosen = on_sale[item.product_id].variant(item.variant_id)
            pieces[Item(item.product_id, chosen.id)] += count
        lines = tuple(
            _line(on_sale[item.product_id], item, count, currency) for item, count in pieces.items()
        )
        currencies = {line.line_total.currency for line in lines}
        if len(currencies) != 1:
            raise MixedCurrencies(f"One order cannot be paid in {' and '.join(sorted(currencies))}.")
        total = Money.total((line.line_total for line in lines), currencies.pop())
        return cls(lines, total)._payable()

    def under(self, rules: PriceRules, at: datetime) -> Quote:
        """Return what the same lines cost with promotions, delivery and tax.

        Raises:
            CouponRefused: the coupon takes nothing off.
            TotalTooLarge: the total is above MAX_AMOUNT.
        """
        found = price(self.lines, rules, at)
        return Quote(found.lines, found.total, found.adjustments)._payable()

    def _payable(self) -> Quote:
        if self.total.amount > MAX_AMOUNT:
            raise TotalTooLarge(f"An order can be worth {MAX_AMOUNT} minor units at most.")
        return self

    @property
    def pieces(self) -> list[Pieces]:
        """What is to be taken out of stock."""
        return [_pieces(line) for line in self.lines]

    def as_json(self) -> dict[str, Any]:
        """Return what a client is shown: ``lines``, ``adjustments`` and ``total``."""
        return {
            "lines": [line.model_dump() for line in self.lines],
            "adjustments": [each.model_dump() for each in self.adjustments],
            "total": self.total.model_dump(),
        }

    def assert_is(self, expected: Money | None) -> None:
        """Make sure that the customer saw this total, if they said what they saw.

        Raises:
            PriceChanged: it was another one.
        """
        if expected is not None and expected != self.total:
            raise PriceChanged(self.as_json())


@dataclass(kw_only=True, eq=False)
class Order(Aggregate):
    """What a customer bought.

    Args:
        payment: None when there was nothing to pay, or nobody has begun to.
        reserved_until: when its stock goes back, unless somebody has begun to pay.
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
        )
        order.record(OrderPlaced(**order._said(), placed_at=at))
        order._move(OrderStatus.RESERVED, at, by=request.user_id)
        if not quote.total.amount:
            order._paid(at, by=request.user_id)
        return order

    @property
    def pieces(self) -> list[Pieces]:
        """What was taken out of stock for it."""
        return [_pieces(line) for line in self.lines]

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


def _line(product: Product, item: Item, quantity: int, currency: str | None) -> OrderLine:
    variant = product.variant(item.variant_id)
    price = variant.price_in(currency)
    if price is None:
        raise MixedCurrencies(f"{variant.sku} is not sold in {currency}.")
    title = product.details.title
    if len(product.variants) > 1:
        title = f"{title} ({', '.join(variant.options.values())})"
    return OrderLine(
        product_id=product.id,
        title=title,
        quantity=quantity,
        unit_price=price,
        line_total=price.times(quantity),
        variant_id=variant.id,
        sku=variant.sku,
    )


def _pieces(line: OrderLine) -> Pieces:
    variant_id = line.variant_id or first_variant_id(line.product_id)
    return Pieces(line.product_id, variant_id, line.quantity)
