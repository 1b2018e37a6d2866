"""Checkout: a purchase across the two transactions that lie before and after the provider's answer.

A saga, and so the one place in this room that is given the transactor: nothing may be open in MongoDB while
the provider is asked. Whatever happens in between, the stored attempt says what is still to be found out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import Protocol, TypeVar

from shop_catalog.application import payments, pricing, refunds, returns
from shop_catalog.application.clock import now
from shop_catalog.application.placing import OrderDesk
from shop_catalog.domain.access import Caller
from shop_catalog.domain.order_states import OrderStatus
from shop_catalog.domain.orders import Order
from shop_catalog.domain.payments import (
    Charge,
    Outcome,
    RefundOutcome,
    Repayment,
    Reversal,
    Reversed,
    Unknown,
)
from shop_catalog.domain.quotes import Basket, Quote
from shop_catalog.domain.requests import RequestKey
from shop_catalog.store.unit_of_work import Transact

T = TypeVar("T")

_AT_ONCE = 8


class PaymentProvider(Protocol):
    """Takes money and gives it back. It answers within bounded time and raises nothing."""

    async def charge(self, charge: Charge) -> Outcome:
        """Take or hold the money; asked again for the same attempt, it says what it did the first time."""

    async def capture(self, charge: Charge, intent_id: str) -> Outcome:
        """Take what is held; again is harmless."""

    async def reverse(self, reversal: Reversal) -> Reversed:
        """Give back what an attempt took or holds, if it does; again is harmless."""

    async def refund(self, repayment: Repayment) -> RefundOutcome:
        """Give back some of what was captured; again is harmless."""


class Checkout:
    """Places orders, finds out about their payments, and gives money back.

    Args:
        transact: runs use cases.
        provider: takes the money.
        deadline: how long an order waits for its payment's outcome before it is cancelled.
        prices: the price rules that hold for every order.
        patience: how long what is not paid at once is reserved.
    """

    def __init__(
        self,
        transact: Transact,
        provider: PaymentProvider,
        deadline: timedelta,
        prices: pricing.PriceBook,
        patience: timedelta,
    ) -> None:
        self._transact = transact
        self._provider = provider
        self._deadline = deadline
        self._prices = prices
        self._desk = OrderDesk(transact, prices, patience)

    async def place(self, basket: Basket, request: RequestKey) -> Order:
        """Place an order and have it paid; it is still `reserved` when nobody pays, or that is not clear.

        Raises:
            PaymentDeclined: the provider said no, also when the same request told so before.
            DomainError: see :func:`shop_catalog.application.placing.place_together`.
        """
        order, is_new = await self._desk.place(basket, request)
        if is_new:
            order = await self._settle(order) or order
        order.assert_not_declined()
        return order

    async def pay(self, order_id: str, method: str, caller: Caller) -> Order:
        """Pay a reserved order; it is still `reserved` when the provider gives no clear answer.

        Raises:
            PaymentDeclined: the provider said no, also when the same request told so before.
            DomainError: see :func:`shop_catalog.application.payments.begin`.
        """
        order, attempt, is_new = await self._transact(payments.begin, order_id, method, caller)
        if is_new:
            order = await self._settle(order) or order
        order.assert_not_declined(attempt.id)
        return order

    async def quote(self, basket: Basket, customer_id: str | None) -> Quote:
        """Return what a basket would cost now; nothing is kept.

        Raises:
            DomainError: see :func:`shop_catalog.application.pricing.quote`.
        """
        house = await self._prices.rules()
        return await self._transact.read(pricing.quote, basket, house, customer_id, now())

    async def settle_due(self, limit: int) -> bool:
        """Ask about unsettled payments, let reservations expire; return whether there may be more."""
        due = await self._transact(payments.claim_unsettled, limit)
        await _some_at_once(self._settle_or_abandon, due)
        return len(due) == limit

    async def reverse_due(self, limit: int) -> bool:
        """Give back what cancelled orders have taken; return whether there may be more."""
        due = await self._transact(payments.claim_reversals, limit)
        await _some_at_once(self._reverse, due)
        return len(due) == limit

    async def refund(self, order_id: str, wish: refunds.Wish, caller: Caller, request: RequestKey) -> Order:
        """Give money back; it is still `pending` when the provider gives no clear answer.

        Raises:
            DomainError: see :func:`shop_catalog.application.refunds.begin`.
        """
        begun = await self._transact(refunds.begin, order_id, wish, caller, request)
        return await self._repaid(begun)

    async def decide_return(
        self, order_id: str, return_id: str, decision: returns.Decision, caller: Caller
    ) -> Order:
        """Accept or decline a return, and give back what was paid for it.

        Raises:
            DomainError: see :func:`shop_catalog.application.returns.decide`.
        """
        begun = await self._transact(returns.decide, order_id, return_id, decision, caller)
        return await self._repaid(begun)

    async def refund_due(self, limit: int) -> bool:
        """Ask again for refunds whose outcome is unknown; return whether there may be more."""
        due = await self._transact(refunds.claim_due, limit)
        await _some_at_once(self._repay, due)
        return len(due) >= limit

    async def _repaid(self, begun: refunds.Begun) -> Order:
        if begun.repayment is None:
            return begun.order
        return await self._repay(begun.repayment) or begun.order

    async def _repay(self, repayment: Repayment) -> Order | None:
        """Have the provider give money back; return the order as it is then, None without a clear answer."""
        outcome = await self._provider.refund(repayment)
        if isinstance(outcome, Unknown):
            return None
        return await self._transact(refunds.settle, repayment.order_id, repayment.refund_id, outcome)

    async def _settle(self, order: Order) -> Order | None:
        """Have the provider charge, and capture what it holds; return the order as it is then.

        None when there is nothing to ask, or no clear answer.
        """
        charge = order.charge
        if charge is None or not order.waits:
            return None
        if order.status is not OrderStatus.AUTHORISED:
            outcome = await self._provider.charge(charge)
            if isinstance(outcome, Unknown):
                return None
            order = await self._transact(payments.settle, order.id, charge.attempt_id, outcome)
        return await self._capture(order)

    async def _capture(self, order: Order) -> Order | None:
        if order.status is not OrderStatus.AUTHORISED or order.charge is None or order.payment is None:
            return order
        outcome = await self._provider.capture(order.charge, order.payment.intent_id or "")
        if isinstance(outcome, Unknown):
            return None
        return await self._transact(payments.settle, order.id, order.payment.id, outcome)

    async def _settle_or_abandon(self, order: Order) -> None:
        if order.payment is None:
            await self._transact(payments.expire, order.id)
        elif await self._settle(order) is None:
            begun_at = order.payment.begun_at or order.placed_at
            if now() - begun_at > self._deadline:
                await self._transact(payments.abandon, order.id, order.payment.id)

    async def _reverse(self, reversal: Reversal) -> None:
        outcome = await self._provider.reverse(reversal)
        if outcome is not Reversed.UNKNOWN:
            await self._transact(payments.close_reversal, reversal, outcome)


async def _some_at_once(work: Callable[[T], Awaitable[object]], items: Iterable[T]) -> None:
    turnstile = asyncio.Semaphore(_AT_ONCE)

    async def one(item: T) -> None:
        async with turnstile:
            await work(item)

    async with asyncio.TaskGroup() as group:
        for item in items:
            group.create_task(one(item))
