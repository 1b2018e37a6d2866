"""Stock: taken by orders, given back by cancelled ones, corrected by merchants."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Self

from shop_catalog.application.clock import now
from shop_catalog.domain.access import Caller, demand_merchant
from shop_catalog.domain.errors import OutOfStock, ProductNotFound
from shop_catalog.domain.products import Product
from shop_catalog.domain.requests import RequestKey
from shop_catalog.domain.stock import StockAdjustment, StockItem
from shop_catalog.domain.variants import Item, Pieces, Variant
from shop_catalog.store.unit_of_work import CatalogUnitOfWork
from shop_events.ids import new_id


class Shelf:
    """The stock that the orders of one transaction take from, one after the other; written once."""

    def __init__(self, uow: CatalogUnitOfWork, items: Iterable[StockItem]) -> None:
        self._uow = uow
        self._items = {item.variant_id: item for item in items}

    @classmethod
    async def of(cls, uow: CatalogUnitOfWork, variant_ids: Collection[str]) -> Self:
        """Return a shelf with all that is left of these variants."""
        return cls(uow, await uow.stock.of(variant_ids) if variant_ids else ())

    def assert_there(self, pieces: Sequence[Pieces]) -> None:
        """Make sure that pieces can be taken, each variant named once.

        Raises:
            OutOfStock: there is less of some; it names all of them.
        """
        short = [each for each in pieces if not _is_there(self._items.get(each.variant_id), each.quantity)]
        if short:
            raise OutOfStock((each.product_id for each in short), (each.variant_id for each in short))

    def take(self, pieces: Sequence[Pieces], at: datetime) -> None:
        """Take pieces that are there, and tell of it at once: it belongs to the trace of this order."""
        for each in pieces:
            item = self._items[each.variant_id]
            told = len(item.facts)
            item.take(each.quantity, at)
            self._uow.publish(item.facts[told:])

    async def keep(self) -> None:
        """Write what was taken."""
        taken = [item for item in self._items.values() if item.delta]
        if taken:
            await self._uow.stock.save(taken)
            await _show_crossings(self._uow, taken)


async def give_back(uow: CatalogUnitOfWork, pieces: Sequence[Pieces], at: datetime) -> None:
    """Put pieces back; those of variants that are gone have nowhere to go."""
    quantities = {each.variant_id: each.quantity for each in pieces}
    items = await uow.stock.of(quantities)
    for item in items:
        item.give_back(quantities[item.variant_id], at)
    await _keep(uow, items)


async def restock(
    uow: CatalogUnitOfWork, pieces: Sequence[Pieces], cause: str, by: str, at: datetime
) -> None:
    """Put pieces back that were sold, each as a correction with its ``cause``, which has them once."""
    await give_back(uow, pieces, at)
    items = {each.variant_id: each for each in await uow.stock.of(each.variant_id for each in pieces)}
    for each in pieces:
        if item := items.get(each.variant_id):
            adjustment = StockAdjustment(
                id=new_id("adj"),
                product_id=each.product_id,
                variant_id=each.variant_id,
                delta=each.quantity,
                reason=cause,
                left=item.left,
                at=at,
                request=RequestKey(by, f"{cause} {each.variant_id}", ""),
            )
            await uow.adjustments.add(adjustment)


async def adjust(
    uow: CatalogUnitOfWork, item: Item, caller: Caller, request: RequestKey, *, delta: int, reason: str
) -> StockAdjustment:
    """Correct the stock of a variant by ``delta`` pieces; the same request corrects it once.

    Raises:
        AccessDenied: the caller is no merchant.
        ProductNotFound: there is none.
        UnknownVariant, VariantNeeded: it is not clear which variant is meant.
        StockOutOfRange: the result would be below zero, or too much.
        KeyReused: the request's key came with another request.
    """
    demand_merchant(caller)
    if earlier := await uow.adjustments.for_request(request):
        return earlier
    product = await _of_merchant(uow, item.product_id, caller)
    variant = product.variant(item.variant_id)
    items = await uow.stock.of([variant.id])
    at = now()
    items[0].adjust(delta, at)
    await _keep(uow, items)
    adjustment = StockAdjustment(
        id=new_id("adj"),
        product_id=product.id,
        variant_id=variant.id,
        delta=delta,
        reason=reason,
        left=items[0].left,
        at=at,
        request=request,
    )
    await uow.adjustments.add(adjustment)
    return adjustment


async def show(uow: CatalogUnitOfWork, product_id: str, caller: Caller) -> list[tuple[Variant, StockItem]]:
    """Return each variant of a product with the pieces that are left of it to be sold.

    Raises:
        AccessDenied: the caller is no merchant.
        ProductNotFound: there is none.
    """
    product = await _of_merchant(uow, product_id, caller)
    items = {each.variant_id: each for each in await uow.stock.of(each.id for each in product.variants)}
    return [(each, items[each.id]) for each in product.variants if each.id in items]


async def history(
    uow: CatalogUnitOfWork, product_id: str, limit: int, before: str | None, caller: Caller
) -> list[StockAdjustment]:
    """Return up to ``limit`` corrections of a product's stock from before the one with the id ``before``.

    Raises:
        AccessDenied: the caller is no merchant.
        ProductNotFound: there is none.
    """
    await _of_merchant(uow, product_id, caller)
    return await uow.adjustments.newest(product_id, limit, before)


async def _of_merchant(uow: CatalogUnitOfWork, product_id: str, caller: Caller) -> Product:
    demand_merchant(caller)
    product = await uow.products.get(product_id)
    if product is None:
        raise ProductNotFound
    return product


def _is_there(item: StockItem | None, quantity: int) -> bool:
    return item is not None and item.has(quantity)


async def _keep(uow: CatalogUnitOfWork, items: Sequence[StockItem]) -> None:
    if items:
        await uow.save_stock(items)
        await _show_crossings(uow, items)


async def _show_crossings(uow: CatalogUnitOfWork, items: Iterable[StockItem]) -> None:
    """Let products show what went in or out of stock: only then does one change."""
    crossed = [item for item in items if item.crossed]
    if crossed:
        products = {each.id: each for each in await uow.products.some({item.product_id for item in crossed})}
        for item in crossed:
            if product := products.get(item.product_id):
                product.set_available(item.variant_id, item.available)
        await uow.save_products(list(products.values()))
