"""Keeping what catalog tells: products, and what ran out."""

from __future__ import annotations

from shop_analytics.application import scores
from shop_analytics.store.unit_of_work import AnalyticsUnitOfWork
from shop_events.contracts.catalog import (
    ProductChanged,
    ProductDeleted,
    StockLow,
    StockRanOut,
    StockReturned,
    first_variant_id,
)

StockEvent = StockLow | StockRanOut | StockReturned


async def keep_product(uow: AnalyticsUnitOfWork, event: ProductChanged) -> None:
    """Remember a product."""
    card = event.model_dump(include={"title", "price", "image_url", "available"})
    card["variant_ids"] = [variant.variant_id for variant in event.variants]
    card["told_at"] = uow.now
    await uow.products.put(event.product_id, uow.sequence, card)


async def forget_product(uow: AnalyticsUnitOfWork, event: ProductDeleted) -> None:
    """Forget a product, and its score."""
    await uow.products.remove(event.product_id, uow.sequence)
    await scores.drop(uow, event.product_id)


async def keep_stock(uow: AnalyticsUnitOfWork, told: StockEvent, *, out: bool) -> None:
    """Remember whether a variant of a product ran out."""
    variant_id = told.variant_id or first_variant_id(told.product_id)
    await uow.stock.put(variant_id, uow.sequence, {"out": out})
