"""The variants of a product that is there: one more, one changed, one less."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from shop_catalog.domain.access import Caller, demand_merchant
from shop_catalog.domain.errors import ProductNotFound, SkuTaken
from shop_catalog.domain.products import Product
from shop_catalog.domain.stock import StockItem
from shop_catalog.domain.variants import Item, NewVariant
from shop_catalog.store.unit_of_work import CatalogUnitOfWork
from shop_events.ids import new_id


async def add(
    uow: CatalogUnitOfWork, product_id: str, new: NewVariant, version: int, caller: Caller
) -> Product:
    """Sell a product in one more form; return the product.

    Raises:
        AccessDenied: the caller is no merchant.
        ProductNotFound: there is none.
        VersionConflict: ``version`` is not the present one of the product.
        SkuTaken: another product has the stock keeping unit.
        InvalidVariants: it does not fit to the others.
    """
    product = await _opened(uow, product_id, version, caller)
    variant = new.as_variant(new_id("var"))
    product.add_variant(variant)
    await _assert_free(uow, new.sku)
    await uow.save_products([product])
    await uow.stock.add([StockItem(variant_id=variant.id, product_id=product_id, left=new.stock)])
    return product


async def change(
    uow: CatalogUnitOfWork, item: Item, changes: Mapping[str, Any], version: int, caller: Caller
) -> Product:
    """Replace some of what is said of a variant, named as in Variant; return the product.

    Raises:
        UnknownVariant: the product has no such one.
        AccessDenied, ProductNotFound, VersionConflict, SkuTaken, InvalidVariants: see :func:`add`.
    """
    product = await _opened(uow, item.product_id, version, caller)
    present = product.variant(item.variant_id)
    wanted = replace(present, **changes)
    product.change_variant(wanted)
    if wanted.sku != present.sku:
        await _assert_free(uow, wanted.sku)
    await uow.save_products([product])
    return product


async def remove(uow: CatalogUnitOfWork, item: Item, version: int, caller: Caller) -> Product:
    """Sell a product no longer in this form; return the product.

    Raises:
        UnknownVariant: the product has no such one.
        InvalidVariants: it is the last one.
        AccessDenied, ProductNotFound, VersionConflict: see :func:`add`.
    """
    product = await _opened(uow, item.product_id, version, caller)
    gone = product.variant(item.variant_id)
    product.remove_variant(gone.id)
    await uow.save_products([product])
    await uow.stock.remove([gone.id])
    return product


async def _opened(uow: CatalogUnitOfWork, product_id: str, version: int, caller: Caller) -> Product:
    demand_merchant(caller)
    product = await uow.products.get(product_id)
    if product is None:
        raise ProductNotFound
    product.assert_version(version)
    return product


async def _assert_free(uow: CatalogUnitOfWork, sku: str) -> None:
    if await uow.products.carrying([sku]):
        raise SkuTaken(f"Another product has the stock keeping unit {sku}.")
