"""Events of catalog."""

from __future__ import annotations

from shop_events.contracts.catalog import (
    OrderPaid,
    OrderRefunded,
    OrderReturnDeclined,
    OrderShipped,
    ProductChanged,
    ProductDeleted,
)
from shop_events.handlers import on
from shop_notifier.application import products, receipts, refunds, shipments
from shop_notifier.store.products import PRODUCTS
from shop_notifier.store.unit_of_work import NotifierUnitOfWork


@on(OrderPaid, effect="receipt:{order_id}")
async def order_paid(uow: NotifierUnitOfWork, event: OrderPaid) -> None:
    """Queue the customer's receipt."""
    await receipts.queue(uow, event)


@on(OrderShipped, effect="shipment:{shipment_id}")
async def order_shipped(uow: NotifierUnitOfWork, event: OrderShipped) -> None:
    """Queue the news that a parcel is on its way."""
    await shipments.queue(uow, event)


@on(OrderRefunded, effect="refund:{refund_id}")
async def order_refunded(uow: NotifierUnitOfWork, event: OrderRefunded) -> None:
    """Queue the news that money was given back."""
    await refunds.queue(uow, event)


@on(OrderReturnDeclined, effect="return-declined:{return_id}")
async def return_declined(uow: NotifierUnitOfWork, event: OrderReturnDeclined) -> None:
    """Queue the news that goods are not taken back."""
    await refunds.queue_refusal(uow, event)


@on(ProductChanged, projection=PRODUCTS)
async def product_changed(uow: NotifierUnitOfWork, event: ProductChanged) -> None:
    """Remember a product."""
    await products.keep(uow, event)


@on(ProductDeleted, projection=PRODUCTS)
async def product_deleted(uow: NotifierUnitOfWork, event: ProductDeleted) -> None:
    """Remember that a product is gone."""
    await products.forget(uow, event)
