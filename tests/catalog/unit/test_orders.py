from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop_catalog.domain.errors import (
    IllegalMove,
    MixedCurrencies,
    PaymentDeclined,
    PriceChanged,
    TotalTooLarge,
    UnknownProducts,
)
from shop_catalog.domain.order_states import MOVES, OrderStatus
from shop_catalog.domain.orders import Order
from shop_catalog.domain.payments import PaymentAttempt, PaymentState
from shop_catalog.domain.products import MAX_AMOUNT, Product, ProductDetails
from shop_catalog.domain.quotes import Quote
from shop_catalog.domain.requests import RequestKey
from shop_catalog.domain.shipments import Shipment
from shop_catalog.domain.variants import Item, Variant
from shop_events.contracts import Money
from shop_events.contracts.catalog import OrderCancelled, OrderPaid, OrderPaymentDeclined, OrderPlaced
from shop_events.outbox import LARGEST_VALUE

AT = datetime(2026, 11, 1, tzinfo=UTC)
REQUEST = RequestKey("usr_1", "key", "f")

baskets = st.lists(st.tuples(st.integers(0, 99_999), st.integers(1, 9)), min_size=1, max_size=20)


def gbp(amount: int) -> Money:
    return Money(amount=amount, currency="GBP")


def product(product_id: str, price: Money) -> Product:
    variant = Variant(id=f"var_{product_id}", sku=product_id, prices=(price,), available=True)
    details = ProductDetails(title=f"Title of {product_id}")
    return Product(id=product_id, details=details, variants=(variant,), request=REQUEST, version=1)


def basket_of(**quantities: int) -> dict[Item, int]:
    return {Item(product_id): quantity for product_id, quantity in quantities.items()}


def placed(amount: int = 1000) -> Order:
    quote = Quote.of(basket_of(a=2), [product("a", gbp(amount))])
    return Order.place("ord_1", REQUEST, quote, PaymentAttempt(id="pay_1", method="pm_card_visa"), AT)


@given(baskets)
def test_a_total_is_the_sum_of_price_times_quantity(basket: list[tuple[int, int]]) -> None:
    products = [product(str(n), gbp(price)) for n, (price, _) in enumerate(basket)]
    quote = Quote.of({Item(str(n)): count for n, (_, count) in enumerate(basket)}, products)
    assert quote.total == gbp(sum(price * count for price, count in basket))
    assert all(line.line_total == line.unit_price.times(line.quantity) for line in quote.lines)


def test_a_basket_with_products_that_are_not_for_sale_is_refused() -> None:
    with pytest.raises(UnknownProducts) as refused:
        Quote.of(basket_of(a=1, b=1, c=1), [product("b", gbp(1))])
    assert refused.value.product_ids == ["a", "c"]


def test_two_currencies_cannot_be_paid_in_one_order() -> None:
    euro = Money(amount=1, currency="EUR")
    with pytest.raises(MixedCurrencies):
        Quote.of(basket_of(a=1, b=1), [product("a", gbp(1)), product("b", euro)])


def test_a_total_that_no_card_network_takes_is_refused() -> None:
    assert Quote.of(basket_of(a=1), [product("a", gbp(MAX_AMOUNT))]).total.amount == MAX_AMOUNT
    with pytest.raises(TotalTooLarge):
        Quote.of(basket_of(a=2), [product("a", gbp(MAX_AMOUNT))])


def test_a_line_beyond_what_money_can_be_is_refused_like_any_total_that_is_too_large() -> None:
    with pytest.raises(TotalTooLarge):
        Quote.of(basket_of(a=50_000_000), [product("a", gbp(MAX_AMOUNT))])


@pytest.mark.parametrize(
    ("title", "is_sold"), [("x" * 200, True), ('"' * 200, True), ("\U0001f4a5" * 200, False)]
)
def test_the_largest_order_that_is_sold_can_be_sent_and_given_back_too(title: str, is_sold: bool) -> None:
    basket = {Item(f"prd_{number:032}"): 100_000 for number in range(500)}
    products = [
        replace(product(item.product_id, gbp(1)), details=ProductDetails(title=title)) for item in basket
    ]
    if not is_sold:
        with pytest.raises(TotalTooLarge):
            Quote.of(basket, products)
        return
    order = Order.place("ord_1", REQUEST, Quote.of(basket, products), PaymentAttempt(id="p", method="pm"), AT)
    order.pay("pi_1", AT)
    parcel = Shipment(
        id="shp_1",
        pieces=tuple(order.pieces),
        carrier="x",
        tracking_number=None,
        shipped_at=AT,
        request=REQUEST,
    )
    order.ship(parcel, "usr_7")
    assert max(len(fact.event.model_dump_json().encode()) for fact in order.facts) < LARGEST_VALUE


@pytest.mark.parametrize("expected", [gbp(1999), Money(amount=2000, currency="EUR")])
def test_a_total_that_no_longer_holds_is_answered_with_the_one_that_does(expected: Money) -> None:
    quote = Quote.of(basket_of(a=2), [product("a", gbp(1000))])
    quote.assert_is(quote.total)
    with pytest.raises(PriceChanged) as refused:
        quote.assert_is(expected)
    assert refused.value.members["quote"]["total"] == {"amount": 2000, "currency": "GBP"}


def test_an_order_that_is_paid_says_so_after_it_was_placed() -> None:
    order = placed()
    order.pay("pi_1", AT)
    placement, payment = order.facts
    assert isinstance(placement.event, OrderPlaced)
    assert isinstance(payment.event, OrderPaid)
    assert (placement.sequence, payment.sequence) == (1, 2)
    assert [change.status for change in order.history] == ["placed", "reserved", "authorised", "paid"]
    assert [change.by for change in order.history] == [
        "usr_1",
        "usr_1",
        "payment_provider",
        "payment_provider",
    ]


def test_a_declined_order_is_cancelled_and_tells_why() -> None:
    order = placed()
    order.decline("card_declined", AT)
    assert order.status is OrderStatus.CANCELLED
    cancelled = order.facts[-1].event
    assert isinstance(cancelled, OrderCancelled)
    assert cancelled.reason == "payment_declined"
    with pytest.raises(PaymentDeclined) as told:
        order.assert_not_declined()
    assert told.value.members == {"order_id": "ord_1", "code": "card_declined", "payable_until": None}


@pytest.mark.parametrize("first", ["pay", "decline", "abandon"])
@pytest.mark.parametrize("second", ["pay", "decline", "abandon"])
def test_an_order_is_settled_once(first: str, second: str) -> None:
    arguments = {"pay": ("pi_1", AT), "decline": ("card_declined", AT), "abandon": (AT,)}
    order = placed()
    getattr(order, first)(*arguments[first])
    before = (order.status, order.payment, order.version)
    with pytest.raises(IllegalMove):
        getattr(order, second)(*arguments[second])
    assert (order.status, order.payment, order.version) == before


def test_a_declined_order_may_be_tried_in_four_other_ways_and_each_no_is_one_event() -> None:
    quote = Quote.of(basket_of(a=1), [product("a", gbp(500))])
    until = AT + timedelta(minutes=10)
    order = Order.place("ord_1", REQUEST, quote, None, AT, reserved_until=until)
    for number in range(1, 6):
        order.begin_payment(PaymentAttempt(id=f"pay_{number}", method=f"pm_{number}"))
        with pytest.raises(IllegalMove):
            order.begin_payment(PaymentAttempt(id="pay_0", method="pm_0"))
        assert order.payable_until is None
        order.decline("card_declined", AT)
        assert order.payable_until == (until if number < 5 else None)
    said = [fact.event for fact in order.facts][1:]
    assert [type(each) for each in said] == [OrderPaymentDeclined] * 4 + [OrderCancelled]
    assert len({each.attempt_id for each in said if isinstance(each, OrderPaymentDeclined)}) == 4


def test_a_decline_after_the_reservation_is_over_cancels_the_order() -> None:
    quote = Quote.of(basket_of(a=1), [product("a", gbp(500))])
    attempt = PaymentAttempt(id="pay_1", method="pm_1")
    order = Order.place("ord_1", REQUEST, quote, attempt, AT, reserved_until=AT + timedelta(seconds=1))
    order.decline("card_declined", AT + timedelta(seconds=1))
    assert order.status is OrderStatus.CANCELLED


def test_an_order_that_costs_nothing_is_paid_at_once_and_asks_for_no_payment() -> None:
    order = placed(amount=0)
    assert (order.status, order.payment, order.charge) == (OrderStatus.PAID, None, None)


def test_what_the_provider_is_asked_is_the_attempt_and_the_total() -> None:
    charge = placed().charge
    assert charge is not None
    assert (charge.attempt_id, charge.order_id, charge.amount) == ("pay_1", "ord_1", gbp(2000))


def test_an_abandoned_payment_is_not_a_declined_one() -> None:
    order = placed()
    order.abandon(AT)
    assert order.payment
    assert order.payment.state is PaymentState.ABANDONED
    order.assert_not_declined()


PATHS = {
    "begin_payment": (PaymentAttempt(id="pay_2", method="pm_card_visa"),),
    "authorise": ("pi_1", AT),
    "pay": ("pi_1", AT),
    "decline": ("card_declined", AT),
    "abandon": (AT,),
    "expire": (AT,),
    "cancel": ("usr_1", AT),
}


@given(st.booleans(), st.lists(st.sampled_from(sorted(PATHS)), max_size=8))
def test_whatever_happens_an_order_moves_as_the_table_says_and_keeps_each_step(
    is_paid_at_once: bool, steps: list[str]
) -> None:
    attempt = PaymentAttempt(id="pay_1", method="pm_card_visa") if is_paid_at_once else None
    quote = Quote.of(basket_of(a=1), [product("a", gbp(500))])
    order = Order.place("ord_1", REQUEST, quote, attempt, AT, reserved_until=AT)
    for step in steps:
        before = (order.status, len(order.history), order.version, order.payment)
        try:
            getattr(order, step)(*PATHS[step])
        except IllegalMove:
            assert (order.status, len(order.history), order.version, order.payment) == before
    went = [change.status for change in order.history]
    assert all(after in MOVES[status] for status, after in pairwise(went))
    assert went[-1] is order.status
    assert sum(status in (OrderStatus.PAID, OrderStatus.CANCELLED) for status in went) <= 1


def test_a_reservation_under_payment_cannot_expire_nor_be_cancelled() -> None:
    order = placed()
    for attempt in (order.expire, lambda at: order.cancel("usr_1", at)):
        with pytest.raises(IllegalMove):
            attempt(AT)
    assert order.status is OrderStatus.RESERVED


def test_a_reservation_with_time_left_cannot_expire() -> None:
    quote = Quote.of(basket_of(a=1), [product("a", gbp(500))])
    order = Order.place("ord_1", REQUEST, quote, None, AT, reserved_until=AT + timedelta(seconds=1))
    with pytest.raises(IllegalMove):
        order.expire(AT)
    order.expire(AT + timedelta(seconds=1))
    assert order.history[-1].reason == "reservation_expired"
