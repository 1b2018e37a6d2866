"""What becomes of payments, whoever tells it: the provider's answer, its webhook, a later question."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import NamedTuple

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


class Begun(NamedTuple):
    """An order, the try to pay it that was asked for, and whether the provider is to be asked."""

    order: Order
    attempt: PaymentAttempt
    is_new: bool


async def begin(uow: CatalogUnitOfWork, order_id: str, method: str, caller: Caller) -> Begun:
    """Store the attempt to pay a reserved order.

    Saying the same again begins nothing new, also when it was declined and another way was tried since: one
    method is tried once.

    Raises:
        OrderNotFound: there is none that the caller may know of.
        IllegalMove: it is not to be paid any more, or is being paid in another way.
        UnknownPaymentMethod: it is a saved card, and not that of the order's customer.
    """
    order = await _get(uow, order_id)
    if not may_see_order(caller, order.customer_id):
        raise OrderNotFound
    if known := _tried(order, method):
        return Begun(order, known, is_new=False)  # a saved card may be gone meanwhile
    token, at = await cards.token_of(uow, method, order.customer_id), now()
    if known := _tried(order, token):
        return Begun(order, known, is_new=False)
    attempt = PaymentAttempt(id=new_id("pay"), method=token, begun_at=at, asked=method)
    order.begin_payment(attempt)
    await uow.save_order(order)
    await uow.orders.look_again(order.id, at + CHECK_AFTER)
    return Begun(order, attempt, is_new=True)


def _tried(order: Order, method: str) -> PaymentAttempt | None:
    return next((each for each in order.attempts if each.is_by(method)), None)


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


async def settle(uow: CatalogUnitOfWork, order_id: str, attempt_id: str, outcome: Outcome) -> Order:
    """Apply what is known of a try to pay an order; hearing it again, or late, changes nothing.

    Money that was taken for a cancelled order, or by a try that was declined, is given back.

    Raises:
        OrderNotFound: there is no such order.
    """
    order = await _get(uow, order_id)
    if attempt := _attempt(order, attempt_id):
        await _apply(uow, order, attempt, outcome)
    return order


async def abandon(uow: CatalogUnitOfWork, order_id: str, attempt_id: str) -> None:
    """Give up a payment that nobody can tell about; it is reversed as soon as somebody can.

    The order is cancelled, or may be paid in another way while its reservation lasts.

    An order whose attempt is another one by now is left alone.

    Raises:
        OrderNotFound: there is no such order.
    """
    order, at = await _get(uow, order_id), now()
    attempt = order.payment
    if not order.waits or attempt is None or attempt.id != attempt_id:
        return
    order.abandon(at)
    await _released_or_payable(uow, order, at)
    await uow.save_order(order)
    await _reverse(uow, order, attempt, attempt.intent_id, REVERSE_BLINDLY_AFTER)


async def hear(uow: CatalogUnitOfWork, event: PaymentEvent) -> None:
    """Take what the provider tells by itself: once, in any order, also about orders that are not known."""
    if await uow.payment_events.is_known(event.id):
        return
    order = await uow.orders.get(event.order_id)
    attempt = None if order is None else _attempt(order, event.attempt_id)
    if order is not None and attempt is not None:
        await uow.payment_events.add(event, now(), settled=True)
        await _apply(uow, order, attempt, event.outcome)
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


def _attempt(order: Order, attempt_id: str) -> PaymentAttempt | None:
    return next((each for each in order.attempts if each.id == attempt_id), None)


async def _apply(uow: CatalogUnitOfWork, order: Order, attempt: PaymentAttempt, outcome: Outcome) -> None:
    is_over = order.status is OrderStatus.CANCELLED or attempt in order.declined
    if is_over and isinstance(outcome, Authorised | Captured):
        await _reverse(uow, order, attempt, outcome.intent_id)
    elif order.waits and not is_over:
        await _settle_waiting(uow, order, outcome)


async def _settle_waiting(uow: CatalogUnitOfWork, order: Order, outcome: Outcome) -> None:
    at = now()
    match outcome:
        case Captured(intent_id):
            order.pay(intent_id, at)
        case Authorised(intent_id) if order.status is not OrderStatus.AUTHORISED:
            order.authorise(intent_id, at)
        case Declined(code) if order.status is not OrderStatus.AUTHORISED:
            order.decline(code, at)
            await _released_or_payable(uow, order, at)
        case Voided():
            order.decline(DECLINED_LATE, at)
            await _released_or_payable(uow, order, at)
        case Authorised() | Declined() | Unknown():
            return  # it is known, or out of date: what was authorised later was not declined
    await uow.save_order(order)


async def _released_or_payable(uow: CatalogUnitOfWork, order: Order, at: datetime) -> None:
    if until := order.payable_until:
        await uow.orders.look_again(order.id, until)
    else:
        await release(uow, order, at)


async def release(uow: CatalogUnitOfWork, order: Order, at: datetime) -> None:
    """Let others have what a cancelled order had taken: its stock and its use of a coupon."""
    await stock.give_back(uow, order.pieces, at)
    await promotions.give_back(uow, order.coupon_id, order.customer_id)


async def _reverse(
    uow: CatalogUnitOfWork,
    order: Order,
    attempt: PaymentAttempt,
    intent_id: str | None,
    check_after: timedelta = timedelta(),
) -> None:
    await uow.reversals.open(Reversal.of(order.charge_of(attempt), intent_id), now(), check_after)


async def _get(uow: CatalogUnitOfWork, order_id: str) -> Order:
    order = await uow.orders.get(order_id)
    if order is None:
        raise OrderNotFound
    return order
