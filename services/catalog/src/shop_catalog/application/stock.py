"""Stock: taken by orders, given back by cancelled ones, corrected by merchants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from shop_catalog.application.clock import now
from shop_catalog.domain.access import Caller, demand_merchant
from shop_catalog.domain.errors import OutOfStock, ProductNotFound
from shop_catalog.domain.requests import RequestKey
from shop_catalog.domain.stock import StockAdjustment, StockItem
from shop_catalog.store.unit_of_work import CatalogUnitOfWork
from shop_events.ids import new_id


async def take(uow: CatalogUnitOfWork, quantities: Mapping[str, int], at: datetime) -> None:
    """Take pieces by product id, all or none.

    Raises:
        OutOfStock: there is less of some; it names all of them.
    """
    items = await uow.stock.of(quantities)
    short = quantities.keys() - {item.product_id for item in items if item.has(quantities[item.product_id])}
    if short:
        raise OutOfStock(short)
    for item in items:
        item.take(quantities[item.product_id], at)
    await _keep(uow, items)


async def give_back(uow: CatalogUnitOfWork, quantities: Mapping[str, int], at: datetime) -> None:
    """Put pieces back, by product id; those of products that are gone have nowhere to go."""
    items = await uow.stock.of(quantities)
    for item in items:
        item.give_back(quantities[item.product_id], at)
    await _keep(uow, items)


async def adjust(
    uow: CatalogUnitOfWork, product_id: str, caller: Caller, request: RequestKey, *, delta: int, reason: str
) -> StockAdjustment:
    """Correct a stock by ``delta`` pieces; the same request corrects it once.

    Raises:
        AccessDenied: the caller is no merchant.
        ProductNotFound: there is none.
        StockOutOfRange: the result would be below zero, or too much.
        KeyReused: the request's key came with another request.
    """
    demand_merchant(caller)
    if earlier := await uow.adjustments.for_request(request):
        return earlier
    items = await uow.stock.of([product_id])
    if not items:
        raise ProductNotFound
    at = now()
    items[0].adjust(delta, at)
    await _keep(uow, items)
    adjustment = StockAdjustment(
        id=new_id("adj"),
        product_id=product_id,
        delta=delta,
        reason=reason,
        left=items[0].left,
        at=at,
        request=request,
    )
    await uow.adjustments.add(adjustment)
    return adjustment


async def _keep(uow: CatalogUnitOfWork, items: Sequence[StockItem]) -> None:
    """Store stock; a product changes only when it goes in or out of stock."""
    if not items:
        return
    await uow.save_stock(items)
    crossed = {item.product_id: item.available for item in items if item.crossed}
    if crossed:
        products = await uow.products.on_sale(crossed)
        for product in products:
            product.set_available(crossed[product.id])
        await uow.save_products(products)
