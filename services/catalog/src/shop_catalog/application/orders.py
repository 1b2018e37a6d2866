"""Orders: placed, shown, listed. How they are paid is in `payments`."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from shop_catalog.application import cards, payments, pricing, promotions, stock
from shop_catalog.application.clock import now
from shop_catalog.domain.access import Caller, may_see_order
from shop_catalog.domain.errors import OrderNotFound
from shop_catalog.domain.order_states import OrderStatus
from shop_catalog.domain.orders import Order
from shop_catalog.domain.payments import PaymentAttempt
from shop_catalog.domain.quotes import Basket
from shop_catalog.domain.requests import RequestKey
from shop_catalog.store.unit_of_work import CatalogUnitOfWork
from shop_events.ids import new_id


class Placement(NamedTuple):
    """An order, and whether this request opened it."""

    order: Order
    is_new: bool


async def place(
    uow: CatalogUnitOfWork,
    basket: Basket,
    request: RequestKey,
    house: pricing.HouseRules,
    patience: timedelta,
) -> Placement:
    """Price a basket, take its stock and open the order; the same request gives the same order.

    The payment attempt is stored here, before the provider hears of it. Without one the order is kept for
    ``patience``, to be paid later.

    Raises:
        UnknownProducts, UnknownVariant, VariantNeeded, MixedCurrencies, TotalTooLarge: it cannot be sold.
        CouponRefused: the coupon does not hold, was used up, or takes nothing off.
        PriceChanged: the total is not the one that the customer saw.
        OutOfStock: there is less than asked for.
        UnknownPaymentMethod: it is a saved card, and not the customer's.
        KeyReused: the request's key came with another request.
    """
    if earlier := await uow.orders.for_request(request):
        return Placement(earlier, is_new=False)
    at = now()
    quote, coupon = await pricing.quote(uow, basket, house, None, at)
    quote.assert_is(basket.expected_total)
    await stock.take(uow, quote.pieces, at)
    method, attempt = basket.payment_method, None
    if method is not None:
        token = await cards.token_of(uow, method, request.user_id)
        attempt = PaymentAttempt(id=new_id("pay"), method=token, begun_at=at)
    order = Order.place(
        new_id("ord"), request, quote, attempt, at, reserved_until=at + patience, address=basket.address
    )
    if coupon:
        order.coupon_id = await promotions.redeem(uow, coupon, request.user_id)
    await uow.add_order(order, patience if attempt is None else payments.CHECK_AFTER)
    return Placement(order, is_new=True)


async def show(uow: CatalogUnitOfWork, order_id: str, caller: Caller) -> Order:
    """Return an order to whoever placed it, or looks after customers.

    Raises:
        OrderNotFound: there is none that the caller may know of.
    """
    order = await uow.orders.get(order_id)
    if order is None or not may_see_order(caller, order.customer_id):
        raise OrderNotFound
    return order


async def cancel(uow: CatalogUnitOfWork, order_id: str, caller: Caller) -> Order:
    """Cancel an order that nobody has begun to pay; again changes nothing.

    Raises:
        OrderNotFound: there is none that the caller may know of.
        IllegalMove: it is paid, or being paid.
    """
    order, at = await show(uow, order_id, caller), now()
    if order.status is not OrderStatus.CANCELLED:
        order.cancel(caller.user_id, at)
        await payments.release(uow, order, at)
        await uow.save_order(order)
    return order


async def page(uow: CatalogUnitOfWork, caller: Caller, limit: int, before: str | None) -> list[Order]:
    """Return up to ``limit`` of the caller's own orders, newest first, from behind the id ``before``."""
    return await uow.orders.page(caller.user_id, limit, before)
