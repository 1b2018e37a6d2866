"""Lists of products: what is asked for and found. Pure reads, on documents."""

from __future__ import annotations

from typing import NamedTuple

from shop_catalog.domain.access import Caller, demand_merchant
from shop_catalog.domain.lists import Filters, Sort, Spot
from shop_catalog.domain.products import ProductStatus
from shop_catalog.store.documents import Document
from shop_catalog.store.lists import spot_of
from shop_catalog.store.unit_of_work import CatalogUnitOfWork


class ProductPage(NamedTuple):
    """Part of a list, as its documents, and where the next part begins; None where there is none."""

    documents: list[Document]
    next: Spot | None


class Wanted(NamedTuple):
    """What a list is asked for."""

    filters: Filters
    sort: Sort
    limit: int
    after: Spot | None


async def page(uow: CatalogUnitOfWork, wanted: Wanted, caller: Caller | None) -> ProductPage:
    """Return part of a list: each product that stays as it is while somebody pages through it comes once.

    Raises:
        CurrencyNeeded: prices are to be compared, and no currency is named.
        AccessDenied: others than what is published are the merchants' alone.
    """
    filters, sort, limit, after = wanted
    filters.assert_clear(sort)
    _assert_may_see(filters, caller)
    found = await uow.product_lists.page(filters, sort, limit + 1, after)
    shown = found[:limit]
    following = spot_of(shown[-1], sort, filters.currency) if len(found) > limit else None
    return ProductPage(shown, following)


def _assert_may_see(filters: Filters, caller: Caller | None) -> None:
    if filters.status is not ProductStatus.PUBLISHED:
        demand_merchant(caller)
