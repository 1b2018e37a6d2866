"""How many results there would be under each value, all other filters kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from tantivy import Query

from shop_catalog.adapters.search_queries import THERE, Asked
from shop_catalog.domain import lists
from shop_catalog.domain.lists import PRICE_STEPS, Filters, PriceRange
from shop_catalog.domain.reviews import RATINGS
from shop_catalog.domain.search import Bucket, Facets

_CATEGORIES = {"terms": {"field": "category", "size": 100}}
_ATTRIBUTES = {"terms": {"field": "attribute", "size": 300}}
_AVAILABLE = {"terms": {"field": "available"}}
_RATINGS = {"terms": {"field": "rating", "size": len(RATINGS)}}
_MOST_VALUES = 30
_MOST_COUNTED = 100
"""As many options at most are counted one by one, which a question with two conditions on a variant needs."""

Aggregated = Mapping[str, Any]
Values = dict[str, list[Bucket]]


def facets(asked: Asked, query: Query, total: int) -> Facets:
    """Count each facet without its own filter, all those that have none in one go.

    Args:
        asked: the question, with its filters.
        query: for products that match its words.
        total: how many of them pass all filters.
    """
    counting = _Counting(asked, query)
    return Facets(
        categories=counting.categories(),
        attributes=_cut(counting.attributes()),
        options=_cut(counting.options()),
        in_stock=counting.in_stock(total),
        prices=counting.prices(),
        ratings=counting.ratings(),
    )


def listed(asked: Asked) -> lists.Facets:
    """Count what lists without words can be narrowed down to, a facet's own filter apart."""
    counting = _Counting(asked, Query.all_query())
    total, categories = counting.total(asked.filters), counting.categories()
    return lists.Facets(
        total=total,
        categories=[lists.CategoryCount(each.value, each.label, each.products) for each in categories],
        attributes=_counts(counting.attributes()),
        options=_counts(counting.options()),
        prices=counting.price_steps(),
        in_stock=counting.in_stock(total),
    )


class _Counting:
    """The results of one question, counted under its filters and under others."""

    def __init__(self, asked: Asked, query: Query) -> None:
        self._asked = asked
        self._query = Query.const_score_query(query, 0.0)
        self._filters = asked.filters
        self._options = {"terms": {"field": f"option{self._which}", "size": 300}}
        wanted: dict[str, Any] = {
            "categories": _CATEGORIES,
            "attributes": _ATTRIBUTES,
            "options": self._options,
            "available": _AVAILABLE,
            "ratings": _RATINGS,
        }
        self._counted = self._aggregate(self._filters, wanted)

    def total(self, filters: Filters) -> int:
        """Return how many results pass."""
        found: Any = self._asked.searcher.search(self._asked.narrowed(self._query, filters), 1)
        return int(found.count)

    def in_stock(self, total: int) -> int:
        """Return how many of ``total`` results are to be had: as the variant that is asked for, if one is."""
        if self._filters.in_stock:
            return total
        if self._filters.are_of_variants:
            return self.total(replace(self._filters, in_stock=True))
        buckets = self._counted["available"]["buckets"]
        return sum(int(each["doc_count"]) for each in buckets if each["key"])

    def ratings(self) -> list[tuple[int, int]]:
        """Count what is rated at least so much, the best first."""
        counted = self._counted["ratings"]
        if self._filters.rating is not None:
            counted = self._aggregate(self._filters.without(rating=None), {"own": _RATINGS})["own"]
        found = {int(bucket["key"]): int(bucket["doc_count"]) for bucket in counted["buckets"]}
        return sorted(found.items(), reverse=True)

    def categories(self) -> list[Bucket]:
        """Count the categories, the largest first."""
        counted = self._counted["categories"]
        if self._filters.category_id is not None:
            own = self._filters.without(category_id=None)
            counted = self._aggregate(own, {"categories": _CATEGORIES})["categories"]
        return [_category(bucket) for bucket in counted["buckets"]]

    def attributes(self) -> Values:
        """Count the values of each attribute."""
        found = _values(self._counted["attributes"])
        for name in self._filters.attributes:
            own = self._filters.without_attribute(name)
            found[name] = _values(self._aggregate(own, {"own": _ATTRIBUTES})["own"]).get(name, [])
        return found

    def options(self) -> Values:
        """Count the values of each option: those of one variant that is all of what else is asked for.

        Where nothing else is asked of a variant, the engine counts all values at once; else each is counted
        together with the rest.
        """
        found = _values(self._counted["options"])
        for name in self._filters.options:
            own = self._filters.without_option(name)
            found[name] = _values(self._aggregate(own, {"own": self._options})["own"]).get(name, [])
        most = min(_MOST_VALUES, _MOST_COUNTED // max(len(found), 1) or 1)
        return {name: self._exactly(name, buckets, most) for name, buckets in found.items()}

    def prices(self) -> tuple[int, int] | None:
        """Return the lowest and the highest price of what passes all filters but the price's."""
        if self._filters.currency is None:
            return None
        own = self._filters.without(price=PriceRange())
        field = f"prices{self._which}.{self._filters.currency}"
        counted = self._aggregate(own, {"own": {"stats": {"field": field}}})["own"]
        if not counted["count"]:
            return None
        lowest, highest = int(counted["min"]), int(counted["max"])
        return self._bounds(own, lowest, highest) if self._filters.options else (lowest, highest)

    def price_steps(self) -> list[lists.PriceCount]:
        """Count what has a price on each step, all filters but the price's kept; empty ones are left out."""
        if self._filters.currency is None:
            return []
        ends = [*(step - 1 for step in PRICE_STEPS[1:]), None]
        counted = [
            lists.PriceCount(least, most, self.total(self._filters.without(price=PriceRange(least, most))))
            for least, most in zip(PRICE_STEPS, ends, strict=True)
        ]
        return [each for each in counted if each.count]

    def _bounds(self, filters: Filters, lowest: int, highest: int) -> tuple[int, int] | None:
        """Return the lowest and the highest price of variants with certain options."""

        def holds(at_least: int, at_most: int) -> bool:
            return self.total(filters.without(price=PriceRange(at_least, at_most))) > 0

        if not holds(lowest, highest):
            return None
        least = _first(lowest, highest, partial(holds, lowest))
        return least, -_first(-highest, -least, lambda most: holds(-most, highest))

    def _exactly(self, name: str, buckets: list[Bucket], most: int) -> list[Bucket]:
        others = self._filters.without_option(name)
        if not others.options and others.price == PriceRange():
            return buckets
        counted = [
            each._replace(
                products=self.total(replace(others, options={**others.options, name: (each.value,)}))
            )
            for each in buckets[:most]
        ]
        return sorted(
            (each for each in counted if each.products), key=lambda each: (-each.products, each.value)
        )

    def _aggregate(self, filters: Filters, wanted: Mapping[str, Any]) -> Aggregated:
        found: Aggregated = self._asked.searcher.aggregate(
            self._asked.narrowed(self._query, filters), dict(wanted)
        )
        return found

    @property
    def _which(self) -> str:
        return THERE if self._filters.in_stock else ""


def _first(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """Return the first number of which something holds that holds of all after it, up to ``high``."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def _cut(found: Values) -> Values:
    return {name: buckets[:_MOST_VALUES] for name, buckets in found.items() if buckets}


def _counts(found: Values) -> dict[str, list[lists.Count]]:
    return {
        name: [lists.Count(each.value, each.products) for each in buckets]
        for name, buckets in _cut(found).items()
    }


def _category(bucket: Aggregated) -> Bucket:
    category_id, _, name = bucket["key"].partition("=")
    return Bucket(category_id, name, bucket["doc_count"])


def _values(counted: Aggregated) -> Values:
    found: Values = {}
    for bucket in counted["buckets"]:
        name, _, value = bucket["key"].partition("=")
        found.setdefault(name, []).append(Bucket(value, value, bucket["doc_count"]))
    return found
