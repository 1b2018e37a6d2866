"""Products: put on sale, change, take off, find."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shop_catalog.application import categories
from shop_catalog.application.clock import now
from shop_catalog.domain.access import Caller, demand_merchant, is_merchant
from shop_catalog.domain.categories import Place
from shop_catalog.domain.descriptions import Media
from shop_catalog.domain.errors import ProductNotFound, ReferenceTaken, SkuTaken
from shop_catalog.domain.products import Product, ProductDetails, ProductStatus, Rating
from shop_catalog.domain.requests import RequestKey
from shop_catalog.domain.stock import StockItem
from shop_catalog.domain.variants import NewVariant, Variant
from shop_catalog.store.unit_of_work import CatalogUnitOfWork
from shop_events.contracts.catalog import first_variant_id
from shop_events.ids import new_id


@dataclass(frozen=True, kw_only=True, slots=True)
class NewProduct:
    """A product to be.

    Args:
        details: what is said of it, but for its category.
        variants: at least one; the first is the one meant where none is named.
        category_id: where it goes, or
        category: the name of a root category, which is made if there is none.
        status: a draft is not on sale.
    """

    details: ProductDetails
    variants: tuple[NewVariant, ...]
    category_id: str | None = None
    category: str | None = None
    status: ProductStatus = ProductStatus.PUBLISHED


async def create(uow: CatalogUnitOfWork, new: NewProduct, caller: Caller, request: RequestKey) -> Product:
    """Make a product, with pieces of each of its variants; the same request gives the same product.

    Raises:
        AccessDenied: the caller is no merchant.
        SkuTaken: another product has one of the stock keeping units.
        ReferenceTaken: another product has the external reference.
        UnknownCategory: there is no such category.
        InvalidVariants, InvalidTranslations: its parts do not fit together.
        KeyReused: the request's key came with another request.
    """
    demand_merchant(caller)
    if earlier := await uow.products.for_request(request):
        return earlier
    product_id = new_id("prd")
    place = await _place(uow, new.category_id, new.category)
    variants = [
        each.as_variant(new_id("var") if number else first_variant_id(product_id))
        for number, each in enumerate(new.variants)
    ]
    details = replace(new.details, category=place)
    product = Product.create(product_id, details, variants, request, new.status)
    await _assert_free(uow, (variant.sku for variant in variants), details.reference)
    await uow.add_product(product)
    stock = [each.stock for each in new.variants]
    await uow.stock.add(
        [
            StockItem(variant_id=variant.id, product_id=product_id, left=left)
            for variant, left in zip(variants, stock, strict=True)
        ]
    )
    return product


async def change(
    uow: CatalogUnitOfWork, product_id: str, changes: Mapping[str, Any], version: int, caller: Caller
) -> Product:
    """Replace some of what is said of a product.

    Args:
        product_id: which one.
        changes: named as in ProductDetails and NewProduct; besides, ``image_url`` (the first picture), and
            ``sku`` and ``price`` of a product's only variant.
        version: the one that the caller saw.

    Raises:
        AccessDenied: the caller is no merchant.
        ProductNotFound: there is none.
        VersionConflict: ``version`` is not the present one.
        SkuTaken, ReferenceTaken: another product has it.
        UnknownCategory: there is no such category.
        VariantNeeded: a ``sku`` or ``price`` is meant for one of several variants.
        InvalidVariants, InvalidTranslations: the parts do not fit together.
        IllegalStatus: the product cannot come into this status from the present one.
    """
    demand_merchant(caller)
    product = await _get(uow, product_id)
    product.assert_version(version)
    said = dict(changes)
    status = said.pop("status", product.status)
    variant = _only_variant(product, said)
    if {"category", "category_id"} & said.keys():
        said["category"] = await _place(uow, said.pop("category_id", None), said.pop("category", None))
    if "image_url" in said:
        said["media"] = _with_first(product.details.media, said.pop("image_url"))
    details = replace(product.details, **said)
    await _assert_free_for(uow, product, variant, details.reference)
    product.change(details, None if variant is None else [variant])
    product.become(status)
    await uow.save_products([product])
    return product


async def delete(uow: CatalogUnitOfWork, product_id: str, caller: Caller) -> None:
    """Take a product off sale for good; orders that have it keep what they were sold.

    Raises:
        AccessDenied: the caller is no merchant.
        ProductNotFound: there is none.
    """
    demand_merchant(caller)
    product = await _get(uow, product_id)
    product.delete()
    await uow.save_products([product])
    await uow.stock.remove(variant.id for variant in product.variants)


async def show(uow: CatalogUnitOfWork, product_id: str, caller: Caller | None) -> Product:
    """Return a product; what is not on sale only to merchants.

    Raises:
        ProductNotFound: there is none that the caller may know of.
    """
    product = await _get(uow, product_id)
    if not product.is_shown and not is_merchant(caller):
        raise ProductNotFound
    return product


async def rate(uow: CatalogUnitOfWork, product_id: str, rating: Rating) -> None:
    """Take over how much a product is wanted, as the event in hand says."""
    await uow.products.rate(product_id, rating, uow.sequence)


async def republish(uow: CatalogUnitOfWork, after: str, limit: int) -> list[Product]:
    """Tell the present state of up to ``limit`` products behind the id ``after``; return them."""
    products = await uow.products.all_after(after, limit)
    await uow.products.touch((product.id for product in products), now())
    for product in products:
        uow.publish([product.as_fact()])
    return products


async def _get(uow: CatalogUnitOfWork, product_id: str) -> Product:
    product = await uow.products.get(product_id)
    if product is None:
        raise ProductNotFound
    return product


async def _place(uow: CatalogUnitOfWork, category_id: str | None, name: str | None) -> Place | None:
    if category_id is not None:
        return await categories.place(uow, category_id)
    return None if name is None else await categories.place_named(uow, name)


async def _assert_free(uow: CatalogUnitOfWork, skus: Iterable[str], reference: str | None) -> None:
    if taken := await uow.products.carrying(skus):
        raise SkuTaken(f"Another product has the stock keeping unit {min(taken)}.")
    if reference is not None and await uow.products.referred_to([reference]):
        raise ReferenceTaken(f"Another product has the reference {reference}.")


async def _assert_free_for(
    uow: CatalogUnitOfWork, product: Product, variant: Variant | None, reference: str | None
) -> None:
    """Make sure that what is new of a product is not another one's."""
    known = {each.sku for each in product.variants}
    new = [variant.sku] if variant is not None and variant.sku not in known else []
    await _assert_free(uow, new, None if reference == product.details.reference else reference)


def _only_variant(product: Product, said: dict[str, Any]) -> Variant | None:
    """Take what is said of the only variant out of ``said``; return the variant as it is then."""
    if not {"sku", "price"} & said.keys():
        return None
    variant = product.variant(None)
    sku, price = said.pop("sku", variant.sku), said.pop("price", variant.price)
    return replace(variant, sku=sku, prices=variant.prices_with(price))


def _with_first(media: Sequence[Media], url: str | None) -> tuple[Media, ...]:
    first = () if url is None else (Media(url, media[0].alt if media else ""),)
    return (*first, *media[1:])
