"""Orders: shown, listed, cancelled. How they are placed is in `placing`, how they are paid in `payments`."""

from __future__ import annotations

from shop_catalog.application import payments
from shop_catalog.application.clock import now
from shop_catalog.domain.access import Caller, demand_operator, may_see_order
from shop_catalog.domain.errors import OrderNotFound
from shop_catalog.domain.order_states import OrderStatus, WaitingFor
from shop_catalog.domain.orders import Order
from shop_catalog.store.unit_of_work import CatalogUnitOfWork


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


async def queue(
    uow: CatalogUnitOfWork, waiting_for: WaitingFor, caller: Caller, limit: int, after: str | None
) -> list[Order]:
    """Return up to ``limit`` orders of all customers that wait for an operator, the oldest first.

    Raises:
        AccessDenied: the caller does not look after customers.
    """
    demand_operator(caller)
    return await uow.orders.queue(waiting_for, limit, after)
