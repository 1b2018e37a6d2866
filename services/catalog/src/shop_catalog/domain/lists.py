"""What a list of products is asked for: which of them, in which order, from where on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple

from shop_catalog.domain.errors import CurrencyNeeded
from shop_catalog.domain.products import ProductStatus

PRICE_STEPS = (0, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000)
"""Where price ranges begin, in minor units; the last one has no end."""


class Sort(StrEnum):
    """Orders of a list; of equals, the older product comes first."""

    OLDEST = "oldest"
    NEWEST = "newest"
    CHEAPEST = "price"
    DEAREST = "-price"
    POPULAR = "popular"
    TREND = "trend"

    @property
    def is_by_price(self) -> bool:
        """Whether a currency is needed."""
        return self in {Sort.CHEAPEST, Sort.DEAREST}

    @property
    def is_by_id(self) -> bool:
        """Whether ids alone, which grow with time, are the order."""
        return self in {Sort.OLDEST, Sort.NEWEST}


class Spot(NamedTuple):
    """A place in a list: the last product shown, by what the list is sorted by and by its id."""

    value: float
    product_id: str

    @classmethod
    def read(cls, value: str, product_id: str) -> Spot | None:
        """Return the place that was written as text, None where it is none."""
        try:
            number = float(value)
        except ValueError:
            return None
        return cls(number, product_id) if math.isfinite(number) else None


@dataclass(frozen=True, slots=True)
class PriceRange:
    """Prices from ``at_least`` to ``at_most`` minor units, both included; None is no bound."""

    at_least: int | None = None
    at_most: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Filters:
    """Which products are wanted. All of it must hold; of several values under one name, any.

    Options, price and stock must hold of one and the same variant: a shirt that is sold out in L is none that
    is there in L, whatever is left in S.
    """

    category_id: str | None = None
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    currency: str | None = None
    price: PriceRange = PriceRange()
    in_stock: bool = False
    status: ProductStatus = ProductStatus.PUBLISHED
    sku: str | None = None
    rating: int | None = None
    """What buyers think of it at least, on average; searches alone ask for it."""

    def assert_clear(self, sort: Sort = Sort.OLDEST) -> None:
        """Make sure that prices are compared in one currency.

        Raises:
            CurrencyNeeded: none is named.
        """
        if self.currency is None and (self.price != PriceRange() or sort.is_by_price):
            raise CurrencyNeeded("Prices are compared in one currency: say which.")

    @property
    def are_of_variants(self) -> bool:
        """Whether anything is asked of variants, and not of products alone."""
        return self.in_stock or bool(self.options) or self.price != PriceRange()

    def without(self, **facet: Any) -> Filters:
        """Return the filters with one facet's own taken away; see :class:`Facet`."""
        return replace(self, **facet)

    def without_attribute(self, name: str) -> Filters:
        """Return the filters without what they say of one attribute."""
        return replace(
            self, attributes={key: values for key, values in self.attributes.items() if key != name}
        )

    def without_option(self, name: str) -> Filters:
        """Return the filters without what they say of one option."""
        return replace(self, options={key: values for key, values in self.options.items() if key != name})


@dataclass(frozen=True, slots=True)
class Count:
    """How many products there are of one value of a facet."""

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class CategoryCount:
    """How many products there are in a category and below it."""

    id: str
    name: str
    count: int


@dataclass(frozen=True, slots=True)
class PriceCount:
    """How many products have a variant that costs ``at_least`` to ``at_most`` minor units."""

    at_least: int
    at_most: int | None
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Facets:
    """How many products there would be with each value chosen.

    A facet's own filter does not limit its own counts, all others do. Without a currency there are no prices.
    """

    total: int
    categories: list[CategoryCount]
    attributes: dict[str, list[Count]]
    options: dict[str, list[Count]]
    prices: list[PriceCount]
    in_stock: int
