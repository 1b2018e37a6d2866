"""Products as catalog tells of them, as far as a cart shows them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from shop_events.contracts import Money
from shop_events.contracts.catalog import ProductChanged
from shop_events.read_model import ReadModel


class ProductState(StrEnum):
    """What can be said of a product: nothing was heard of an unknown one, a gone one is off sale for good."""

    ON_SALE = "on_sale"
    SOLD_OUT = "sold_out"
    GONE = "gone"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Product:
    """A product as it is shown; title and price are None where nothing is known."""

    id: str
    state: ProductState
    title: str | None = None
    price: Money | None = None
    image_url: str | None = None


class Products(ReadModel):
    """The newest state of each product."""

    async def keep(self, event: ProductChanged, sequence: int) -> None:
        said = event.model_dump(include={"title", "price", "image_url", "available"})
        await self.put(event.product_id, sequence, said)

    async def shown(self, product_ids: Iterable[str]) -> dict[str, Product]:
        """Return all of ``product_ids`` as they are shown, by id."""
        wanted = list(product_ids)
        if not wanted:
            return {}
        found = self._collection.find({"_id": {"$in": wanted}}, session=self._session)
        known = {document["_id"]: _product_of(document) async for document in found.limit(len(wanted))}
        return {each: known.get(each) or Product(each, ProductState.UNKNOWN) for each in wanted}


def _product_of(document: dict[str, object]) -> Product:
    product_id = str(document["_id"])
    if document["gone"]:
        return Product(product_id, ProductState.GONE)
    told = ProductChanged.model_validate({**document, "product_id": product_id, "sku": ""})
    state = ProductState.ON_SALE if told.available else ProductState.SOLD_OUT
    return Product(product_id, state, told.title, told.price, told.image_url)
