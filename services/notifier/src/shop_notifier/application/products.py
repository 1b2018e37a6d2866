"""Keeping what catalog tells about products."""

from __future__ import annotations

from shop_events.contracts.catalog import ProductChanged, ProductDeleted
from shop_notifier.store.unit_of_work import NotifierUnitOfWork


async def keep(uow: NotifierUnitOfWork, event: ProductChanged) -> None:
    """Remember what a mail may show of a product."""
    await uow.products.keep(event, uow.sequence)


async def forget(uow: NotifierUnitOfWork, event: ProductDeleted) -> None:
    """Remember that a product is gone."""
    await uow.products.remove(event.product_id, uow.sequence)
