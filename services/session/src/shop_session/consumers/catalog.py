"""What catalog tells: products for carts, orders for their customers."""

from __future__ import annotations

from shop_events.contracts.catalog import (
    OrderCancelled,
    OrderDelivered,
    OrderPaid,
    OrderPlaced,
    OrderRefunded,
    OrderReturned,
    OrderShipped,
    ProductChanged,
    ProductDeleted,
)
from shop_events.handlers import on
from shop_session.application import carts
from shop_session.store.schema import ORDERS, PRODUCTS
from shop_session.store.unit_of_work import SessionUnitOfWork


@on(ProductChanged, projection=PRODUCTS)
async def product_changed(uow: SessionUnitOfWork, event: ProductChanged) -> None:
    """Remember a product."""
    await uow.products.keep(event, uow.sequence)


@on(ProductDeleted, projection=PRODUCTS)
async def product_deleted(uow: SessionUnitOfWork, event: ProductDeleted) -> None:
    """Remember that a product is gone."""
    await uow.products.remove(event.product_id, uow.sequence)


@on(OrderPlaced, projection=ORDERS)
async def order_placed(uow: SessionUnitOfWork, event: OrderPlaced) -> None:
    """Remember an order."""
    await uow.orders.keep(event, uow.sequence)


@on(OrderPaid, projection=ORDERS)
async def order_paid(uow: SessionUnitOfWork, event: OrderPaid) -> None:
    """Remember that an order is paid."""
    await uow.orders.keep(event, uow.sequence)


@on(OrderShipped, projection=ORDERS)
async def order_shipped(uow: SessionUnitOfWork, event: OrderShipped) -> None:
    """Remember how far an order is, now that a parcel of it has left."""
    await uow.orders.keep(event, uow.sequence)


@on(OrderDelivered, projection=ORDERS)
async def order_delivered(uow: SessionUnitOfWork, event: OrderDelivered) -> None:
    """Remember how far an order is, now that a parcel of it has arrived."""
    await uow.orders.keep(event, uow.sequence)


@on(OrderReturned, projection=ORDERS)
async def order_returned(uow: SessionUnitOfWork, event: OrderReturned) -> None:
    """Remember how far an order is, now that goods of it are back."""
    await uow.orders.keep(event, uow.sequence)


@on(OrderRefunded, projection=ORDERS)
async def order_refunded(uow: SessionUnitOfWork, event: OrderRefunded) -> None:
    """Remember how far an order is, now that money was given back."""
    await uow.orders.keep(event, uow.sequence)


@on(OrderCancelled, projection=ORDERS)
async def order_cancelled(uow: SessionUnitOfWork, event: OrderCancelled) -> None:
    """Remember that an order is cancelled."""
    await uow.orders.keep(event, uow.sequence)


@on(OrderPaid, effect="cart:{order_id}")
async def order_bought(uow: SessionUnitOfWork, event: OrderPaid) -> None:
    """Take what was bought out of the cart; a cart keeps what an unpaid order wanted."""
    await carts.take_out_bought(uow, event)
