"""What becomes of payments, whoever tells it: the provider's answer, its webhook, a later question."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from shop_catalog.application import cards, promotions, stock
from shop_catalog.application.clock import now
from shop_catalog.domain.access import Caller, may_see_order
from shop_catalog.domain.errors import OrderNotFound
from shop_catalog.domain.order_states import OrderStatus
from shop_catalog.domain.orders import Order
from shop_catalog.domain.payments import (
    Authorised,
    Captured,
    Declined,
    Outcome,
    PaymentAttempt,
    PaymentEvent,
    Reversal,
    Reversed,
    Unknown,
    Voided,
)
from shop_catalog.store.unit_of_work import CatalogUnitOfWork
from shop_events.ids import new_id

REVERSE_BLINDLY_AFTER = timedelta(minutes=1)
"""How long a charge may still be on its way to the provider after we have given up on it."""

CHECK_AFTER = timedelta(seconds=15)
"""When a payment is asked about again, if whoever began it did not live to settle it."""

DECLINED_LATE = "authorisation_voided"

log = logging.getLogger(__name__)


async def begin(uow: CatalogUnitOfWork, order_id: str, method: str, caller: Caller) -> tuple[Order, bool]:
    """Store the attempt to pay a reserved order; return the order, and whether the provider is to be asked.

    Saying the same again begins nothing new.

    Raises:
        OrderNotFound: there is none that the caller may know of.
        IllegalMove: it is not to be paid any more, or is being paid in another way.
        UnknownPaymentMethod: it is a saved card, and not that of the order's customer.
    """
    order = await _get(uow, order_id)
    if not may_see_order(caller, order.customer_id):
        raise OrderNotFound
    if order.payment is not None and method in (order.payment.asked, order.payment.method):
        return order, False  # a saved card may be gone meanwhile
    token, at = await cards.token_of(uow, method, order.customer_id), now()
    order.begin_payment(PaymentAttempt(id=new_id("pay"), method=token, begun_at=at, asked=method))
    await uow.save_order(order)
    await uow.orders.look_again(order.id, at + CHECK_AFTER)
    return order, True


async def expire(uow: CatalogUnitOfWork, order_id: str) -> None:
    """Cancel a reserved order that nobody has begun to pay in time; one that somebody has is left alone.

    Raises:
        OrderNotFound: there is no such order.
    """
    order, at = await _get(uow, order_id), now()
    if order.waits and order.payment is None and order.reserved_until and order.reserved_until <= at:
        order.expire(at)
        await release(uow, order, at)
        await uow.save_order(order)


async def settle(uow: CatalogUnitOfWork, order_id: str, outcome: Outcome) -> Order:
    """Apply what is known of an order's payment; hearing it again, or late, changes nothing.

    Money that was taken for a cancelled order is given back.

    Raises:
        OrderNotFound: there is no such order.
    """
    order = await _get(uow, order_id)
    await _apply(uow, order, outcome)
    return order


async def abandon(uow: CatalogUnitOfWork, order_id: str) -> Order:
    """Cancel an order whose payment nobody can tell about; it is reversed as soon as somebody can.

    Raises:
        OrderNotFound: there is no such order.
    """
    order = await _get(uow, order_id)
    if order.waits:
        at = now()
        intent_id = order.payment.intent_id if order.payment else None
        order.abandon(at)
        await release(uow, order, at)
        await uow.save_order(order)
        await _reverse(uow, order, intent_id, REVERSE_BLINDLY_AFTER)
    return order


async def hear(uow: CatalogUnitOfWork, event: PaymentEvent) -> None:
    """Take what the provider tells by itself: once, in any order, also about orders that are not known."""
    if await uow.payment_events.is_known(event.id):
        return
    order = await uow.orders.get(event.order_id)
    if order is not None and order.is_paid_by(event.attempt_id):
        await uow.payment_events.add(event, now(), settled=True)
        await _apply(uow, order, event.outcome)
    else:
        await uow.payment_events.add(event, now(), settled=False)
        log.warning("a payment event is about no order of ours", extra={"event_id": event.id})


async def claim_unsettled(uow: CatalogUnitOfWork, limit: int) -> list[Order]:
    """Return up to ``limit`` orders whose payment is to be asked about, the longest due first."""
    return await uow.orders.claim_unsettled(now(), limit)


async def claim_reversals(uow: CatalogUnitOfWork, limit: int) -> list[Reversal]:
    """Return up to ``limit`` reversals to try, the longest due first."""
    return await uow.reversals.claim_due(now(), limit)


async def close_reversal(uow: CatalogUnitOfWork, reversal: Reversal, outcome: Reversed) -> None:
    """Note what became of a reversal."""
    await uow.reversals.close(reversal, outcome)


async def _apply(uow: CatalogUnitOfWork, order: Order, outcome: Outcome) -> None:
    if order.waits:
        await _settle_waiting(uow, order, outcome)
    elif order.status is OrderStatus.CANCELLED and isinstance(outcome, Authorised | Captured):
        await _reverse(uow, order, outcome.intent_id)


async def _settle_waiting(uow: CatalogUnitOfWork, order: Order, outcome: Outcome) -> None:
    at = now()
    match outcome:
        case Captured(intent_id):
            order.pay(intent_id, at)
        case Authorised(intent_id) if order.status is not OrderStatus.AUTHORISED:
            order.authorise(intent_id, at)
        case Declined(code) if order.status is not OrderStatus.AUTHORISED:
            order.decline(code, at)
            await release(uow, order, at)
        case Voided():
            order.decline(DECLINED_LATE, at)
            await release(uow, order, at)
        case Authorised() | Declined() | Unknown():
            return  # it is known, or out of date: what was authorised later was not declined
    await uow.save_order(order)


async def release(uow: CatalogUnitOfWork, order: Order, at: datetime) -> None:
    """Let others have what a cancelled order had taken: its stock and its use of a coupon."""
    await stock.give_back(uow, order.pieces, at)
    await promotions.give_back(uow, order.coupon_id, order.customer_id)


async def _reverse(
    uow: CatalogUnitOfWork, order: Order, intent_id: str | None, check_after: timedelta = timedelta()
) -> None:
    if order.charge is not None:
        await uow.reversals.open(Reversal(order.charge, intent_id), now(), check_after)


async def _get(uow: CatalogUnitOfWork, order_id: str) -> Order:
    order = await uow.orders.get(order_id)
    if order is None:
        raise OrderNotFound
    return order
