"""Products in bulk: a batch of lines is one transaction, and a line that cannot be taken harms no other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby

from pymongo.errors import BulkWriteError

from shop_catalog.application.clock import now
from shop_catalog.domain.access import Caller
from shop_catalog.domain.categories import Category, Place, key_of
from shop_catalog.domain.errors import SkuTaken, UnknownCategory
from shop_catalog.domain.imports import ImportedProduct, LineReport, LineStatus
from shop_catalog.domain.products import Product, ProductDetails
from shop_catalog.domain.requests import NO_KEY, RequestKey
from shop_catalog.domain.stock import StockItem
from shop_catalog.domain.variants import NewVariant, Variant
from shop_catalog.store.unit_of_work import CatalogUnitOfWork, Transact
from shop_events.contracts import DomainError
from shop_events.contracts.catalog import first_variant_id
from shop_events.ids import new_id
from shop_events.waiting import OneAhead

Names = tuple[str, ...]

READ_AT_ONCE = 5
"""Lines that are worked on before what else there is to do gets its turn, such as storing earlier ones."""

_STORED_AT_ONCE = 250
"""Lines that MongoDB stores while the next ones are made ready."""

_TAKEN = "It could not be stored: its stock keeping unit or reference may just have been taken."


class Importer:
    """Takes batches of one import, one after the other.

    Args:
        transact: runs use cases.
        caller: who imports; whether they may is for whoever makes the importer to ask.
    """

    def __init__(self, transact: Transact, caller: Caller) -> None:
        self._transact = transact
        self._caller = caller

    async def take(self, batch: Sequence[ImportedProduct]) -> list[LineReport]:
        """Store a batch; return a report per line, in order.

        Should somebody else take a stock keeping unit or a reference at the same moment, each line is tried
        by itself.
        """
        try:
            return await self._transact(take, batch, self._caller)
        except BulkWriteError:
            return [report for line in batch for report in await self._take_alone(line)]

    async def _take_alone(self, line: ImportedProduct) -> list[LineReport]:
        try:
            return await self._transact(take, [line], self._caller)
        except BulkWriteError:
            return [
                _rejected(
                    line,
                    _TAKEN,
                )
            ]


async def take(uow: CatalogUnitOfWork, batch: Sequence[ImportedProduct], caller: Caller) -> list[LineReport]:
    """Store what is new in a batch; return a report per line, in order."""
    places = await _places(uow, {line.category for line in batch if line.category})
    named = await _named(uow, {line.category_id for line in batch if line.category_id})
    await uow.categories.hold({place.id for place in (*places.values(), *named.values())}, now())
    shelf = _Shelf(await uow.products.imported(_references(batch), _skus(batch)), caller)
    reports: list[LineReport] = []
    async with OneAhead() as storing:
        for number, line in enumerate(batch, 1):
            try:
                reports.append(shelf.put(line, _place_of(line, places, named)))
            except DomainError as error:
                reports.append(_rejected(line, str(error) or type(error).__name__))
            if number % READ_AT_ONCE == 0:
                uow.add_later(*shelf.cleared())
                await asyncio.sleep(0)
            if number % _STORED_AT_ONCE == 0:
                await storing(uow.flush())
    uow.add_later(*shelf.cleared())
    await uow.settle()
    await uow.save_products(shelf.known)
    return reports


class _Shelf:
    """The products that a batch is about, found by reference and by sku, as its lines change them."""

    def __init__(self, known: Iterable[Product], caller: Caller) -> None:
        self.known = list(known)
        self._new: list[Product] = []
        self._stock: list[StockItem] = []
        self._request = RequestKey(caller.user_id, NO_KEY, "")
        self._by_reference: dict[str, Product] = {}
        self._by_sku: dict[str, Product] = {}
        for product in self.known:
            self._note(product)

    def put(self, line: ImportedProduct, place: Place | None) -> LineReport:
        """Make or change a product as a line says.

        Raises:
            DomainError: it cannot be; nothing is changed then.
        """
        product = self._find(line)
        self._assert_free(line, product)
        details = replace(line.details, category=place)
        if product is None:
            made = self._make(line, details)
            return LineReport(line.line, LineStatus.ACCEPTED, line.name, made.id)
        before = product.version
        variants, stock = _merged(product, line.variants)
        product.change(replace(details, reference=details.reference or product.details.reference), variants)
        self._stock += stock
        self._note(product)
        status = LineStatus.UNCHANGED if product.version == before else LineStatus.ACCEPTED
        return LineReport(line.line, status, line.name, product.id)

    def cleared(self) -> tuple[list[Product], list[StockItem]]:
        """Return the products and the stock that are new since the last time; from now on, they are known."""
        new, stock = self._new, self._stock
        self.known += new
        self._new, self._stock = [], []
        return new, stock

    def _find(self, line: ImportedProduct) -> Product | None:
        found = self._by_reference.get(line.details.reference or "")
        return found or self._by_sku.get(line.variants[0].sku)

    def _assert_free(self, line: ImportedProduct, product: Product | None) -> None:
        for variant in line.variants:
            if self._by_sku.get(variant.sku, product) is not product:
                raise SkuTaken(f"Another product has the stock keeping unit {variant.sku}.")
        other = line.details.reference and product and product.details.reference
        if other and other != line.details.reference:
            raise SkuTaken(f"The product with this stock keeping unit has the reference {other}.")

    def _make(self, line: ImportedProduct, details: ProductDetails) -> Product:
        product_id = new_id("prd")
        variants = [
            each.as_variant(new_id("var") if number else first_variant_id(product_id))
            for number, each in enumerate(line.variants)
        ]
        product = Product.create(product_id, details, variants, self._request, line.status)
        self._new.append(product)
        self._stock += [
            StockItem(variant_id=variant.id, product_id=product_id, left=each.stock)
            for variant, each in zip(variants, line.variants, strict=True)
        ]
        self._note(product)
        return product

    def _note(self, product: Product) -> None:
        if product.details.reference is not None:
            self._by_reference[product.details.reference] = product
        self._by_sku |= dict.fromkeys((variant.sku for variant in product.variants), product)


def _merged(product: Product, told: Sequence[NewVariant]) -> tuple[list[Variant], list[StockItem]]:
    """Return the variants as they are told, known ones under their ids; and the stock of new ones.

    Variants that the line does not tell of stay.
    """
    known = {variant.sku: variant for variant in product.variants}
    stock = []
    for each in told:
        present = known.get(each.sku)
        variant = each.as_variant(present.id if present else new_id("var"))
        if present is None:
            stock.append(StockItem(variant_id=variant.id, product_id=product.id, left=each.stock))
        known[each.sku] = replace(variant, available=present.available) if present else variant
    return list(known.values()), stock


async def _places(uow: CatalogUnitOfWork, wanted: set[Names]) -> dict[Names, Place]:
    """Return where categories are that are known by their names; they are made where there are none."""
    found: dict[Names, Category] = {}
    longest = max(map(len, wanted), default=0)
    for depth in range(1, longest + 1):
        paths = sorted({names[:depth] for names in wanted if len(names) >= depth})
        for above, siblings in groupby(paths, key=lambda path: path[:-1]):
            parent = found.get(above)
            names = [path[-1] for path in siblings]
            known = await uow.categories.named(parent.id if parent else None, names)
            for name in names:
                key = key_of(name)
                if key not in known:
                    known[key] = await _new_category(uow, name, parent)
                found[*above, name] = known[key]
    return {names: found[names].place for names in wanted}


async def _new_category(uow: CatalogUnitOfWork, name: str, parent: Category | None) -> Category:
    category = Category(id=new_id("cat"), name=name, ancestors=parent.place.path if parent else ())
    await uow.categories.add(category)
    return category


async def _named(uow: CatalogUnitOfWork, ids: set[str]) -> dict[str, Place]:
    found = {each: await uow.categories.get(each) for each in sorted(ids)}
    return {each: category.place for each, category in found.items() if category}


def _place_of(line: ImportedProduct, places: dict[Names, Place], named: dict[str, Place]) -> Place | None:
    if line.category_id is None:
        return places.get(line.category)
    if line.category_id not in named:
        raise UnknownCategory(f"There is no category {line.category_id}.")
    return named[line.category_id]


def _references(batch: Sequence[ImportedProduct]) -> list[str]:
    return [line.details.reference for line in batch if line.details.reference is not None]


def _skus(batch: Sequence[ImportedProduct]) -> list[str]:
    return [variant.sku for line in batch for variant in line.variants]


def _rejected(line: ImportedProduct, reason: str) -> LineReport:
    return LineReport(line.line, LineStatus.REJECTED, line.name, reason=reason)
