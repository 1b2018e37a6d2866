"""Reads of single products that requests share: what many ask for at the same time is one query."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from shop_catalog.domain.errors import ProductNotFound
from shop_catalog.domain.products import Product
from shop_catalog.store.documents import Document
from shop_catalog.store.product_documents import product_of
from shop_catalog.store.unit_of_work import CatalogUnitOfWork
from shop_events.gathering import Gathered
from shop_events.unit_of_work import is_transient

MOST_AT_ONCE = 64


Documents = Callable[[Sequence[str]], Awaitable[Sequence[Document]]]
"""Returns the documents of those products that shoppers see, in no particular order."""


class SharedProducts:
    """Shows products to whoever is not signed in.

    Nobody gets an answer to a query that began before they asked. Each asks for themselves: a product that is
    not there, or that cannot be read, is the trouble of those alone who asked for it, and whoever stops
    waiting keeps nobody else from being answered.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._found: Gathered[str, Document | Exception | None] = Gathered(self._find, MOST_AT_ONCE)

    async def show(self, product_id: str) -> Product:
        """Return a product that is on sale.

        Raises:
            ProductNotFound: there is none, or shoppers do not see it.
        """
        found = await self._found(product_id)
        if isinstance(found, Exception):
            raise found
        if found is None:
            raise ProductNotFound
        return product_of(found)

    async def _find(self, product_ids: Sequence[str]) -> list[Document | Exception | None]:
        wanted = list(dict.fromkeys(product_ids))
        found: dict[str, Document | Exception]
        try:
            found = {each["_id"]: each for each in await self._documents(wanted)}
        except Exception as error:
            # A question that MongoDB cannot be asked fails with all that were asked beside it.
            if len(wanted) == 1 or is_transient(error):
                raise
            found = await self._each_alone(wanted)
        return [found.get(each) for each in product_ids]

    async def _each_alone(self, product_ids: Sequence[str]) -> dict[str, Document | Exception]:
        found: dict[str, Document | Exception] = {}
        for product_id in product_ids:
            try:
                found |= {each["_id"]: each for each in await self._documents([product_id])}
            except Exception as error:
                found[product_id] = error
        return found


async def documents(uow: CatalogUnitOfWork, product_ids: Sequence[str]) -> list[Document]:
    """Return the documents of those of the products that shoppers see."""
    return await uow.products.documents_on_sale(product_ids)
