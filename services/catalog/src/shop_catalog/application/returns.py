"""Returns: asked for by customers, decided by operators once the goods are back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from shop_catalog.application import orders, refunds, stock
from shop_catalog.application.clock import now
from shop_catalog.domain.access import Caller, demand_operator
from shop_catalog.domain.errors import ReturnTooLate
from shop_catalog.domain.orders import Order
from shop_catalog.domain.refunds import Return
from shop_catalog.domain.requests import RequestKey, earlier
from shop_catalog.domain.shipments import chosen
from shop_catalog.domain.variants import Item
from shop_catalog.store.unit_of_work import CatalogUnitOfWork, Transact
from shop_events.ids import new_id


@dataclass(frozen=True, slots=True)
class Goods:
    """What a customer wants to give back, by product and variant, and why."""

    quantities: Mapping[Item, int]
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether goods are taken back, and whether they can be sold again.

    Args:
        note: words to the customer.
    """

    accepted: bool
    restock: bool
    note: str | None


class ReturnDesk:
    """Takes in what customers want to return, for ``window`` after the last parcel has arrived."""

    def __init__(self, transact: Transact, window: timedelta) -> None:
        self._transact = transact
        self._window = window

    async def ask(self, order_id: str, goods: Goods, caller: Caller, request: RequestKey) -> Order:
        """Ask to give back some of what was sent; the same request asks once.

        Raises:
            OrderNotFound: there is none that the caller may know of.
            IllegalMove: the order is over.
            ReturnTooLate: it arrived too long ago.
            UnknownLine, VariantNeeded, TooManyPieces: it has no such pieces, or not as many were sent.
            KeyReused: the request's key came with another request.
        """
        return await self._transact(self._ask, order_id, goods, caller, request)

    async def _ask(
        self, uow: CatalogUnitOfWork, order_id: str, goods: Goods, caller: Caller, request: RequestKey
    ) -> Order:
        order, at = await orders.show(uow, order_id, caller), now()
        if earlier(order.returns, request):
            return order
        until = order.balance.returnable_until(self._window)
        if until is not None and at > until:
            raise ReturnTooLate(until)
        pieces = chosen(order.lines, goods.quantities)
        wanted = Return(id=new_id("rtn"), pieces=pieces, reason=goods.reason, asked_at=at, request=request)
        order.ask_return(wanted)
        await uow.save_order(order)
        return order


async def decide(
    uow: CatalogUnitOfWork, order_id: str, return_id: str, decision: Decision, caller: Caller
) -> refunds.Begun:
    """Accept or decline a return; the same decision again changes nothing.

    What was paid for accepted goods is given back, delivery left out.

    Raises:
        AccessDenied: the caller does not look after customers.
        OrderNotFound, ReturnNotFound: there is none.
        IllegalMove: it was decided otherwise.
    """
    demand_operator(caller)
    order, at = await orders.show(uow, order_id, caller), now()
    if not order.decide_return(return_id, decision.accepted, decision.note, at, caller.user_id):
        return refunds.Begun(order, None)
    if not decision.accepted:
        await uow.save_order(order)
        return refunds.Begun(order, None)
    back = next(each for each in order.returns if each.id == return_id)
    if decision.restock:
        await stock.restock(uow, back.pieces, f"return {back.id}", caller.user_id, at)
    return await refunds.begin_for(uow, order, back, caller)
