"""Events of catalog."""

from __future__ import annotations

from shop_events.contracts.catalog import OrderPaid
from shop_events.handlers import on
from shop_notifier.application import receipts
from shop_notifier.store.unit_of_work import NotifierUnitOfWork


@on(OrderPaid, effect="receipt:{order_id}")
async def order_paid(uow: NotifierUnitOfWork, event: OrderPaid) -> None:
    """Queue the customer's receipt."""
    await receipts.queue(uow, event)
