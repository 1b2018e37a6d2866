"""Products: put on sale, change, take off, find."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from shop_catalog.application.clock import now
from shop_catalog.domain.access import Caller, demand_merchant
from shop_catalog.domain.errors import ProductNotFound, SkuTaken
from shop_catalog.domain.products import Hit, Product, ProductDetails
from shop_catalog.domain.requests import RequestKey
from shop_catalog.domain.stock import StockItem
from shop_catalog.store.unit_of_work import CatalogUnitOfWork
from shop_events.ids import new_id


async def create(
    uow: CatalogUnitOfWork, details: ProductDetails, stock: int, caller: Caller, request: RequestKey
) -> Product:
    """Put a product on sale with ``stock`` pieces; the same request gives the same product.

    Raises:
        AccessDenied: the caller is no merchant.
        SkuTaken: another product has the stock keeping unit.
        KeyReused: the request's key came with another request.
    """
    demand_merchant(caller)
    if earlier := await uow.products.for_request(request):
        return earlier
    await _assert_free(uow, details.sku)
    product = Product.create(new_id("prd"), details, available=stock > 0, request=request)
    await uow.add_product(product)
    await uow.stock.add(StockItem(product_id=product.id, left=stock))
    return product


async def change(
    uow: CatalogUnitOfWork, product_id: str, changes: Mapping[str, Any], version: int, caller: Caller
) -> Product:
    """Replace some of a product's details, named as in ProductDetails.

    Raises:
        AccessDenied: the caller is no merchant.
        ProductNotFound: there is none.
        VersionConflict: ``version`` is not the present one.
        SkuTaken: another product has the new stock keeping unit.
    """
    demand_merchant(caller)
    product = await show(uow, product_id)
    product.assert_version(version)
    details = replace(product.details, **changes)
    if details.sku != product.details.sku:
        await _assert_free(uow, details.sku)
    product.change(details)
    await uow.save_products([product])
    return product


async def delete(uow: CatalogUnitOfWork, product_id: str, caller: Caller) -> None:
    """Take a product off sale for good; orders that have it keep what they were sold.

    Raises:
        AccessDenied: the caller is no merchant.
        ProductNotFound: there is none.
    """
    demand_merchant(caller)
    product = await show(uow, product_id)
    product.delete()
    await uow.save_products([product])
    await uow.stock.remove(product_id)


async def show(uow: CatalogUnitOfWork, product_id: str) -> Product:
    """Return a product.

    Raises:
        ProductNotFound: there is none.
    """
    product = await uow.products.get(product_id)
    if product is None:
        raise ProductNotFound
    return product


async def page(uow: CatalogUnitOfWork, limit: int, after: str | None, sku: str | None) -> list[Product]:
    """Return up to ``limit`` products, oldest first, from behind the id ``after``."""
    return await uow.products.page(limit, after, sku)


async def popular(uow: CatalogUnitOfWork, limit: int, after: tuple[float, str] | None) -> list[Hit]:
    """Return up to ``limit`` products, the most wanted first, from behind ``after``."""
    return await uow.products.popular(limit, after)


async def rate(uow: CatalogUnitOfWork, product_id: str, popularity: float, rank: float) -> None:
    """Take over how much a product is wanted, as the event in hand says."""
    await uow.products.rate(product_id, popularity, rank, uow.sequence)


async def search(uow: CatalogUnitOfWork, text: str, limit: int, after: tuple[float, str] | None) -> list[Hit]:
    """Return up to ``limit`` products that match ``text``, the most relevant and wanted first."""
    return await uow.products.search(text, limit, after)


async def republish(uow: CatalogUnitOfWork, after: str, limit: int) -> list[Product]:
    """Tell the present state of up to ``limit`` products behind the id ``after``; return them."""
    products = await uow.products.all_after(after, limit)
    await uow.products.touch((product.id for product in products), now())
    for product in products:
        uow.publish([product.as_fact()])
    return products


async def _assert_free(uow: CatalogUnitOfWork, sku: str) -> None:
    if await uow.products.carries_sku(sku):
        raise SkuTaken("Another product has this stock keeping unit.")
