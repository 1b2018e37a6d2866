"""Lists of products in MongoDB: which of them, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from shop_catalog.domain.lists import (
    Filters,
    PriceRange,
    Sort,
    Spot,
)
from shop_catalog.domain.products import ProductStatus
from shop_catalog.store.documents import Document, Repository
from shop_catalog.store.product_documents import facet

LONGEST_MS = 3000
"""As long may a list take; then it is given up."""

_UNSHOWN = {"request": False, "facets": False, "category_ids": False}
"""What no list shows, and what it is sorted by is not."""


class ProductLists(Repository):
    """The products of the shop, as lists."""

    async def page(self, filters: Filters, sort: Sort, limit: int, after: Spot | None) -> list[Document]:
        """Return what lists show of up to ``limit`` products, as documents, from behind ``after``."""
        key, direction = _order(sort, filters.currency)
        found = self._collection.find(
            {"$and": [matching(filters), *_from(sort, filters, after)]}, _UNSHOWN, session=self._session
        )
        order = [("_id", direction)] if sort.is_by_id else [(key, direction), ("_id", 1)]
        return await found.sort(order).limit(limit).max_time_ms(LONGEST_MS).to_list()


def matching(filters: Filters) -> Document:
    """Return the query of the products that are wanted."""
    query: Document = {"shown": True}
    if filters.status is not ProductStatus.PUBLISHED:
        query = {"status": filters.status.value, "deleted": False}
    if filters.category_id is not None:
        query["category_ids"] = filters.category_id
    if filters.sku is not None:
        query["variants.sku"] = filters.sku
    conditions: list[Document] = [
        {"facets": {"$in": _values(name, values)}} for name, values in filters.attributes.items()
    ]
    # That any variant has the option follows from what is asked of one; the index needs to be told.
    conditions += [
        {"variants.chosen": {"$in": _values(name, values)}} for name, values in filters.options.items()
    ]
    if variant := _variant(filters):
        conditions.append({"variants": {"$elemMatch": {"$and": variant}}})
    return {**query, "$and": conditions} if conditions else query


def _variant(filters: Filters) -> list[Document]:
    """Return what must hold of one and the same variant."""
    conditions: list[Document] = [
        {"chosen": {"$in": _values(name, values)}} for name, values in filters.options.items()
    ]
    if filters.in_stock:
        conditions.append({"available": True})
    if bounds := _bounds(filters.price):
        conditions.append({"prices": {"$elemMatch": {"currency": filters.currency, "amount": bounds}}})
    return conditions


def _bounds(price: PriceRange) -> dict[str, int]:
    bounds = {"$gte": price.at_least, "$lte": price.at_most}
    return {operator: bound for operator, bound in bounds.items() if bound is not None}


def _values(name: str, values: Iterable[str]) -> list[str]:
    return [facet(name, value) for value in values]


def _order(sort: Sort, currency: str | None) -> tuple[str, int]:
    """Return field and direction of an order."""
    price = f"lowest.{currency}"
    return {
        Sort.OLDEST: ("_id", 1),
        Sort.NEWEST: ("_id", -1),
        Sort.CHEAPEST: (price, 1),
        Sort.DEAREST: (price, -1),
        Sort.POPULAR: ("rank", -1),
        Sort.TREND: ("trend", -1),
    }[sort]


def _from(sort: Sort, filters: Filters, after: Spot | None) -> list[Document]:
    """Return what holds of all that come behind a place."""
    key, direction = _order(sort, filters.currency)
    beyond = "$gt" if direction > 0 else "$lt"
    priced: list[Document] = [{key: {"$gte": 0}}] if sort.is_by_price else []
    if after is None:
        return priced
    if sort.is_by_id:
        return [{"_id": {beyond: after.product_id}}]
    later = {"$or": [{key: {beyond: after.value}}, {key: after.value, "_id": {"$gt": after.product_id}}]}
    return [*priced, later]


def spot_of(document: Mapping[str, Any], sort: Sort, currency: str | None) -> Spot:
    """Return the place of a product in a list."""
    key, _ = _order(sort, currency)
    if sort.is_by_id:
        return Spot(0.0, document["_id"])
    value = document["lowest"][currency] if sort.is_by_price else document[key]
    return Spot(value, document["_id"])
