"""Refunds: decided by operators, stored before the provider is asked, settled by whoever hears first."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from prometheus_client import Counter

from shop_catalog.application import orders, stock
from shop_catalog.application.clock import now
from shop_catalog.domain.access import Caller, demand_operator
from shop_catalog.domain.orders import Order
from shop_catalog.domain.payments import Refunded, RefundEvent, RefundOutcome, Repayment, Unknown
from shop_catalog.domain.refunds import Refund, RefundState, Return
from shop_catalog.domain.requests import RequestKey, earlier
from shop_catalog.domain.shipments import chosen, within
from shop_catalog.domain.variants import Item, Pieces
from shop_catalog.store.unit_of_work import CatalogUnitOfWork
from shop_events.contracts import Money
from shop_events.ids import new_id

CHECK_AFTER = timedelta(seconds=15)
"""When a refund is asked about again, if whoever began it did not live to settle it."""

FAILED = Counter(
    "refunds_failed_total", "Refunds that did not reach their customer: failed, or bounced", ["state"]
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be given back, and why.

    Args:
        amount: that much, for nothing in particular.
        quantities: what was paid for these pieces; without either, all that is left.
        restock: whether those of them that were not sent go back into stock.
    """

    amount: Money | None
    quantities: Mapping[Item, int] | None
    reason: str
    restock: bool


class Begun(NamedTuple):
    """An order, and what the provider is to be asked for it, if anything."""

    order: Order
    repayment: Repayment | None


async def begin(
    uow: CatalogUnitOfWork, order_id: str, wish: Wish, caller: Caller, request: RequestKey
) -> Begun:
    """Store a refund; the same request stores, and gives back, nothing more.

    Raises:
        AccessDenied: the caller does not look after customers.
        OrderNotFound: there is no such order.
        IllegalMove: it was not paid, or all of it was refunded.
        RefundTooLarge, MixedCurrencies: more than is left of what was paid, or in another currency.
        UnknownLine, VariantNeeded, TooManyPieces: it has no such pieces, or not as many unrefunded.
        KeyReused: the request's key came with another request.
    """
    demand_operator(caller)
    order = await orders.show(uow, order_id, caller)
    if earlier(order.refunds, request):
        return Begun(order, None)
    pieces = _pieces(order, wish)
    refund = Refund(
        id=new_id("ref"),
        amount=_amount(order, wish, pieces),
        reason=wish.reason,
        by=caller.user_id,
        at=now(),
        request=request,
        pieces=pieces,
        withdrawn=order.balance.withdrawn(pieces),
        restock=wish.restock,
    )
    return await _store(uow, order, refund)


async def begin_for(uow: CatalogUnitOfWork, order: Order, back: Return, caller: Caller) -> Begun:
    """Store the refund of goods that have come back, as far as they were not refunded before."""
    pieces = within(back.pieces, order.balance.unrefunded)
    amount = min(order.balance.worth(pieces), order.balance.to_refund)
    if amount <= 0:
        await uow.save_order(order)
        return Begun(order, None)
    refund = Refund(
        id=new_id("ref"),
        amount=_money(order, amount),
        reason=f"return {back.id}",
        by=caller.user_id,
        at=now(),
        request=RequestKey(caller.user_id, back.id, ""),
        pieces=pieces,
        return_id=back.id,
    )
    return await _store(uow, order, refund)


async def settle(
    uow: CatalogUnitOfWork, order_id: str, refund_id: str, outcome: RefundOutcome
) -> Order | None:
    """Apply what is known of a refund; hearing it again, or late, changes nothing. None without an order."""
    order = await uow.orders.get(order_id)
    if order is None or isinstance(outcome, Unknown):
        return order
    at = now()
    settled = order.settle_refund(refund_id, isinstance(outcome, Refunded), at)
    if settled is None:
        _mind_contradiction(order, refund_id, outcome)
        return order
    if settled.has_failed:
        log.error("a refund failed", extra={"order_id": order_id, "refund_id": refund_id})
        uow.on_commit.append(FAILED.labels(settled.state.value).inc)
    elif settled.restock and settled.withdrawn:
        await stock.restock(uow, settled.withdrawn, f"refund {settled.id}", settled.by, at)
    await uow.save_order(order)
    return order


def _mind_contradiction(order: Order, refund_id: str, outcome: RefundOutcome) -> None:
    """Call for somebody where the provider gave what it had refused: it may have been given again."""
    known = next((each.state for each in order.refunds if each.id == refund_id), None)
    if known is RefundState.FAILED and isinstance(outcome, Refunded):
        log.error("a refund was told of otherwise", extra={"order_id": order.id, "refund_id": refund_id})


async def resolve(
    uow: CatalogUnitOfWork, order_id: str, refund_id: str, resolution: str, caller: Caller
) -> Order:
    """Note how an operator saw to a refund that failed; saying the same again changes nothing.

    Raises:
        AccessDenied: the caller does not look after customers.
        OrderNotFound, RefundNotFound: there is none.
        IllegalMove: it has not failed, or somebody said otherwise.
    """
    demand_operator(caller)
    order = await orders.show(uow, order_id, caller)
    order.resolve_refund(refund_id, resolution, now(), caller.user_id)
    await uow.save_order(order)
    return order


async def hear(uow: CatalogUnitOfWork, event: RefundEvent) -> None:
    """Take what the provider tells by itself: repeated, late, in any order, also about what is not known."""
    if await settle(uow, event.order_id, event.refund_id, event.outcome) is None:
        log.warning("a refund event is about no order of ours", extra={"event_id": event.id})


async def claim_due(uow: CatalogUnitOfWork, limit: int) -> list[Repayment]:
    """Return the pending refunds of up to ``limit`` orders, the longest due first."""
    return [
        _repayment(order, each)
        for order in await uow.orders.claim_refunding(now(), limit)
        for each in order.refunds
        if each.state is RefundState.PENDING
    ]


async def _store(uow: CatalogUnitOfWork, order: Order, refund: Refund) -> Begun:
    order.begin_refund(refund)
    await uow.save_order(order)
    await uow.orders.look_again(order.id, refund.at + CHECK_AFTER)
    return Begun(order, _repayment(order, refund))


def _pieces(order: Order, wish: Wish) -> tuple[Pieces, ...]:
    if wish.amount is not None:
        return ()
    if wish.quantities is not None:
        return chosen(order.lines, wish.quantities)
    return within(order.pieces, order.balance.unrefunded)


def _amount(order: Order, wish: Wish, pieces: tuple[Pieces, ...]) -> Money:
    if wish.amount is not None:
        return wish.amount
    everything = wish.quantities is None
    return _money(order, order.balance.to_refund if everything else order.balance.worth(pieces))


def _money(order: Order, amount: int) -> Money:
    return Money(amount=amount, currency=order.total.currency)


def _repayment(order: Order, refund: Refund) -> Repayment:
    intent_id = order.payment.intent_id if order.payment else None
    return Repayment(refund.id, order.id, intent_id or "", refund.amount)
