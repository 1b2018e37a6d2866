"""Events of catalog that are kept as they are."""

from __future__ import annotations

from shop_analytics.application import catalogue
from shop_analytics.store.shelf import PRODUCTS, STOCK
from shop_analytics.store.unit_of_work import AnalyticsUnitOfWork
from shop_events.contracts.catalog import (
    ProductChanged,
    ProductDeleted,
    StockLow,
    StockRanOut,
    StockReturned,
)
from shop_events.handlers import on


@on(ProductChanged, projection=PRODUCTS)
async def product_changed(uow: AnalyticsUnitOfWork, event: ProductChanged) -> None:
    """Remember a product."""
    await catalogue.keep_product(uow, event)


@on(ProductDeleted, projection=PRODUCTS)
async def product_deleted(uow: AnalyticsUnitOfWork, event: ProductDeleted) -> None:
    """Forget a product."""
    await catalogue.forget_product(uow, event)


@on(StockLow, projection=STOCK)
async def stock_low(uow: AnalyticsUnitOfWork, event: StockLow) -> None:
    """Remember that there are a few left."""
    await catalogue.keep_stock(uow, event, out=event.left <= 0)


@on(StockRanOut, projection=STOCK)
async def stock_ran_out(uow: AnalyticsUnitOfWork, event: StockRanOut) -> None:
    """Remember that there is none left."""
    await catalogue.keep_stock(uow, event, out=True)


@on(StockReturned, projection=STOCK)
async def stock_returned(uow: AnalyticsUnitOfWork, event: StockReturned) -> None:
    """Remember that there is one again."""
    await catalogue.keep_stock(uow, event, out=False)
