"""Products as catalog tells of them, as far as a cart shows them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum

from shop_events.contracts import Money
from shop_events.contracts.catalog import ProductChanged, ProductVariant, first_variant_id
from shop_events.read_model import ReadModel
from shop_session.domain.carts import line_of


class ProductState(StrEnum):
    """What can be said of a product: nothing was heard of an unknown one, a gone one is off sale."""

    ON_SALE = "on_sale"
    SOLD_OUT = "sold_out"
    GONE = "gone"
    UNKNOWN = "unknown"
    VARIANT_NEEDED = "variant_needed"
    """It comes in several variants, and a line does not say which."""


@dataclass(frozen=True, slots=True)
class Product:
    """A product, or a variant of it, as it is shown; title and price are None where nothing is known."""

    id: str
    state: ProductState
    title: str | None = None
    price: Money | None = None
    image_url: str | None = None


Told = ProductChanged | ProductState
"""What catalog told of a product last, or why there is nothing to tell."""


class Products(ReadModel):
    """The newest state of each product."""

    async def keep(self, event: ProductChanged, sequence: int) -> None:
        said = event.model_dump(include={"title", "price", "image_url", "available", "variants"})
        await self.put(event.product_id, sequence, said)

    async def shown(self, product_ids: Collection[str]) -> dict[str, Product]:
        """Return all of ``product_ids`` as they are shown, by id."""
        told = await self._told(product_ids)
        return {each: _product_of(each, told.get(each, ProductState.UNKNOWN)) for each in product_ids}

    async def lines(self, keys: Collection[str]) -> dict[str, Product]:
        """Return what lines of a cart are about, by their keys."""
        of = {key: line_of(key) for key in keys}
        told = await self._told({product_id for product_id, _ in of.values()})
        return {key: _line_of(line, told.get(line[0], ProductState.UNKNOWN)) for key, line in of.items()}

    async def _told(self, product_ids: Collection[str]) -> dict[str, Told]:
        """Return what was told last of those that anything was told of."""
        if not product_ids:
            return {}
        found = self._collection.find({"_id": {"$in": list(product_ids)}}, session=self._session)
        return {document["_id"]: _told_of(document) async for document in found.limit(len(product_ids))}


def _told_of(document: dict[str, object]) -> Told:
    if document["gone"]:
        return ProductState.GONE
    return ProductChanged.model_validate({**document, "product_id": document["_id"], "sku": ""})


def _product_of(product_id: str, told: Told) -> Product:
    if not isinstance(told, ProductChanged):
        return Product(product_id, told)
    state = ProductState.ON_SALE if told.available else ProductState.SOLD_OUT
    return Product(product_id, state, told.title, told.price, told.image_url)


def _line_of(line: tuple[str, str | None], told: Told) -> Product:
    product_id, variant_id = line
    if not isinstance(told, ProductChanged):
        return Product(product_id, told)
    if variant_id is None:
        whole = _product_of(product_id, told)
        return replace(whole, state=ProductState.VARIANT_NEEDED) if len(told.variants) > 1 else whole
    for variant in told.variants:
        if variant.variant_id == variant_id:
            return _variant_of(told, variant)
    if variant_id == first_variant_id(product_id) and not told.variants:
        return _product_of(product_id, told)
    # A variant that is new to catalog may not have been told of yet, one that was removed is not coming back.
    return Product(product_id, ProductState.UNKNOWN)


def _variant_of(told: ProductChanged, variant: ProductVariant) -> Product:
    state = ProductState.ON_SALE if variant.available else ProductState.SOLD_OUT
    title = told.title
    if len(told.variants) > 1:
        title = f"{title} ({', '.join(variant.options.values())})"
    return Product(told.product_id, state, title, variant.prices[0], variant.image_url or told.image_url)
