"""Lists of products in MongoDB: which of them, in which order, and how many there are of what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from shop_catalog.domain.lists import (
    PRICE_STEPS,
    CategoryCount,
    Count,
    Facets,
    Filters,
    PriceCount,
    PriceRange,
    Sort,
    Spot,
)
from shop_catalog.domain.products import ProductStatus
from shop_catalog.store.documents import Document, Repository
from shop_catalog.store.product_documents import facet

LONGEST_MS = 3000
"""As long may a list or a count take; then it is given up."""

_MOST_VALUES = 50
_MOST_CATEGORIES = 500


class ProductLists(Repository):
    """The products of the shop, as lists."""

    async def page(self, filters: Filters, sort: Sort, limit: int, after: Spot | None) -> list[Document]:
        """Return up to ``limit`` products as their documents, from behind ``after``."""
        key, direction = _order(sort, filters.currency)
        found = self._collection.find(
            {"$and": [matching(filters), *_from(sort, filters, after)]}, session=self._session
        )
        order = [("_id", direction)] if sort.is_by_id else [(key, direction), ("_id", 1)]
        return await found.sort(order).limit(limit).max_time_ms(LONGEST_MS).to_list()

    async def facets(self, filters: Filters) -> Facets:
        """Count what there is of each facet's values, its own filter apart."""
        without_stock = filters.without(in_stock=False)
        return Facets(
            total=await self._total(filters),
            categories=await self._categories(filters.without(category_id=None)),
            attributes=await self._attributes(filters),
            options=await self._options(filters),
            prices=await self._prices(filters.without(price=PriceRange())),
            in_stock=await self._total(without_stock.without(in_stock=True)),
        )

    async def _total(self, filters: Filters) -> int:
        return await self._collection.count_documents(
            matching(filters), session=self._session, maxTimeMS=LONGEST_MS
        )

    async def _categories(self, filters: Filters) -> list[CategoryCount]:
        rows = await self._count(filters, [{"$unwind": "$category_path"}], "$category_path", _MOST_CATEGORIES)
        return [CategoryCount(each["_id"]["id"], each["_id"]["name"], each["count"]) for each in rows]

    async def _attributes(self, filters: Filters) -> dict[str, list[Count]]:
        rows = await self._count(filters, [{"$unwind": "$facets"}], "$facets")
        counts = _by_name(rows, leaving_out=filters.attributes)
        for name in filters.attributes:
            own = filters.without_attribute(name)
            rows = await self._count(own, [{"$unwind": "$facets"}, _named("$facets", name)], "$facets")
            counts |= _by_name(rows)
        return counts

    async def _options(self, filters: Filters) -> dict[str, list[Count]]:
        counts = _by_name(await self._chosen(filters), leaving_out=filters.options)
        for name in filters.options:
            rows = await self._chosen(filters.without_option(name), [_named("$chosen", name)])
            counts |= _by_name(rows)
        return counts

    async def _chosen(self, filters: Filters, more: Iterable[Document] = ()) -> list[Document]:
        chosen = {"$map": {"input": _fitting(filters), "as": "each", "in": "$$each.chosen"}}
        union = {"$reduce": {"input": chosen, "initialValue": [], "in": {"$setUnion": ["$$value", "$$this"]}}}
        stages: list[Document] = [{"$project": {"chosen": union}}, {"$unwind": "$chosen"}, *more]
        return await self._count(filters, stages, "$chosen")

    async def _prices(self, filters: Filters) -> list[PriceCount]:
        if filters.currency is None:
            return []
        amounts = {
            "$reduce": {
                "input": _fitting(filters),
                "initialValue": [],
                "in": {"$concatArrays": ["$$value", _amounts("$$this.prices", filters.currency)]},
            }
        }
        steps = {"$setUnion": [{"$map": {"input": amounts, "as": "amount", "in": _step("$$amount")}}]}
        rows = await self._count(filters, [{"$project": {"step": steps}}, {"$unwind": "$step"}], "$step")
        ends = dict(zip(PRICE_STEPS, [*(step - 1 for step in PRICE_STEPS[1:]), None], strict=True))
        return [PriceCount(each["_id"], ends[each["_id"]], each["count"]) for each in sorted(rows, key=_id)]

    async def _count(
        self, filters: Filters, stages: Iterable[Document], by: str, limit: int = 2000
    ) -> list[Document]:
        pipeline = [
            {"$match": matching(filters)},
            *stages,
            {"$group": {"_id": by, "count": {"$sum": 1}}},
            {"$sort": {"count": -1, "_id": 1}},
            {"$limit": limit},
        ]
        found = await self._collection.aggregate(pipeline, session=self._session, maxTimeMS=LONGEST_MS)
        return await found.to_list()


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


def _fitting(filters: Filters) -> Document:
    """Return the expression of the variants of a product for which :func:`_variant` holds."""
    conditions: list[Document | str] = [
        {"$gt": [{"$size": {"$setIntersection": ["$$variant.chosen", _values(name, values)]}}, 0]}
        for name, values in filters.options.items()
    ]
    if filters.in_stock:
        conditions.append("$$variant.available")
    if bounds := _bounds(filters.price):
        amounts = _amounts("$$variant.prices", filters.currency or "")
        within = [{operator: ["$$amount", bound]} for operator, bound in bounds.items()]
        kept = {"$filter": {"input": amounts, "as": "amount", "cond": {"$and": within}}}
        conditions.append({"$gt": [{"$size": kept}, 0]})
    return {"$filter": {"input": "$variants", "as": "variant", "cond": {"$and": conditions}}}


def _amounts(prices: str, currency: str) -> Document:
    """Return the expression of the amounts in one currency."""
    same = {"$eq": ["$$price.currency", {"$literal": currency}]}
    kept = {"$filter": {"input": prices, "as": "price", "cond": same}}
    return {"$map": {"input": kept, "as": "price", "in": "$$price.amount"}}


def _step(amount: str) -> Document:
    """Return the expression of the price step that an amount is on."""
    branches = [{"case": {"$gte": [amount, step]}, "then": step} for step in reversed(PRICE_STEPS)]
    return {"$switch": {"branches": branches, "default": PRICE_STEPS[0]}}


def _bounds(price: PriceRange) -> dict[str, int]:
    bounds = {"$gte": price.at_least, "$lte": price.at_most}
    return {operator: bound for operator, bound in bounds.items() if bound is not None}


def _values(name: str, values: Iterable[str]) -> list[str]:
    return [facet(name, value) for value in values]


def _named(field: str, name: str) -> Document:
    """Return the stage that keeps the values of one attribute or option."""
    return {"$match": {"$expr": {"$eq": [{"$indexOfCP": [field, {"$literal": facet(name, "")}]}, 0]}}}


def _by_name(rows: Iterable[Document], leaving_out: Iterable[str] = ()) -> dict[str, list[Count]]:
    counts: dict[str, list[Count]] = defaultdict(list)
    for row in rows:
        name, _, value = row["_id"].partition("=")
        if len(counts[name]) < _MOST_VALUES:
            counts[name].append(Count(value, row["count"]))
    return {name: values for name, values in counts.items() if name not in set(leaving_out)}


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


def _id(row: Mapping[str, Any]) -> Any:
    return row["_id"]
