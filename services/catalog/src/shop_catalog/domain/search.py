"""Searching: what is asked, what products are found by, how they are ranked, and what others hear of it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from shop_catalog.domain.errors import NotAResult
from shop_catalog.domain.lists import Filters, PriceRange
from shop_catalog.domain.products import Product
from shop_catalog.domain.variants import Variant
from shop_events.contracts import Aggregate
from shop_events.contracts.catalog_searches import ProductsSearched, SearchFilters, SearchResultChosen

MOST_WORDS = 12
"""Words of a question that count; the others are as good as not said."""

COUNTED = "vst_"
"""How the ids of visitors begin who agreed to be counted."""

DEEPEST = 1000
"""How many results can be paged through."""

Match = Literal["all", "some", "none"]


class Described(NamedTuple):
    """What a product is called and said of it in one language, such as ``en``."""

    language: str
    title: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """A variant, as far as it is looked for.

    Args:
        options: ``name=value`` of each.
        prices: by currency, in minor units.
        available: whether it is to be had.
    """

    options: Sequence[str] = ()
    prices: Mapping[str, Sequence[int]] = field(default_factory=dict)
    available: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Searchable:
    """What a product is found by.

    Args:
        descriptions: one a language.
        keywords: what is said of it in no language: categories, values of attributes and options, but
            for those that are true or false.
        categories: ``id=name`` of each category that it is in, or that one of those is in.
        attributes: ``name=value`` of each.
        forms: its variants.
        rating: what buyers think of it on average; None where nobody has said.
        weight: see :func:`weight`.
    """

    product_id: str
    descriptions: Sequence[Described]
    keywords: Sequence[str] = ()
    skus: Sequence[str] = ()
    categories: Sequence[str] = ()
    attributes: Sequence[str] = ()
    forms: Sequence[Form] = ()
    rating: float | None = None
    weight: float = 1.0


def weight(popularity: float, trend: float, available: bool) -> float:
    """Return what relevance is multiplied by: 1 for what nobody wants and nobody can have.

    Popularity counts by its logarithm, so that what is wanted a hundred times more comes to at most
    twice its relevance; what is wanted more lately than before gains up to a tenth, what can be had a fifth.
    """
    wanted = 1 + 0.2 * math.log1p(max(popularity, 0.0))
    rising = 1 + 0.1 * min(max(trend - 1, 0.0), 1.0)
    return wanted * rising * (1.2 if available else 1.0)


class Place(NamedTuple):
    """Where a page goes on: behind so many results, the last of which was this product."""

    skipped: int = 0
    product_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What somebody looks for. ``language`` is the one whose small words (the, of) need not match."""

    text: str
    filters: Filters = field(default_factory=Filters)
    after: Place = field(default_factory=Place)
    limit: int = 20
    language: str = "en"


class Part(NamedTuple):
    """A piece of a text, and whether it was looked for."""

    text: str
    matched: bool


class Word(NamedTuple):
    """A word of a question as it is looked up. It is ``known`` if some product has it."""

    text: str
    known: bool


class Bucket(NamedTuple):
    """How many products among the results have a value; ``label`` is what it is called."""

    value: str
    label: str
    products: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Facets:
    """How many results there would be under each value, all other filters kept.

    Args:
        categories: the largest first.
        attributes, options: by name.
        in_stock: how many there are to be had.
        prices: the lowest and the highest, in minor units of the currency that was asked for.
        ratings: how many are rated at least so much, the best first.
    """

    categories: Sequence[Bucket] = ()
    attributes: Mapping[str, Sequence[Bucket]] = field(default_factory=dict)
    options: Mapping[str, Sequence[Bucket]] = field(default_factory=dict)
    in_stock: int = 0
    prices: tuple[int, int] | None = None
    ratings: Sequence[tuple[int, int]] = ()


_PERSONAL = re.compile(r"@|\d{5}")


def phrase_of(text: str, words: Sequence[Word]) -> str:
    """Return what of a question may be shown to others; empty where it may be somebody's own.

    It is made of words that products are described with, all of them, and of no part of what looks like an
    address, a telephone number or the like.
    """
    if _PERSONAL.search(text) or not all(word.known for word in words):
        return ""
    return " ".join(word.text for word in words)


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """What the index knows of a question.

    Args:
        phrase: see :func:`phrase_of`.
        product_ids: one page, the best first.
        skipped: how many results come before it.
        more: whether there is a page behind it.
        total: how many results there are.
    """

    words: Sequence[Word]
    match: Match
    product_ids: Sequence[str]
    skipped: int
    more: bool
    total: int
    facets: Facets
    phrase: str = ""

    @property
    def is_success(self) -> bool:
        """Whether this is the first that was seen of what has all the words."""
        return self.match == "all" and self.total > 0 and not self.skipped


@dataclass(kw_only=True, eq=False)
class Search(Aggregate):
    """A page of results as it was shown, kept for a while so that a choice can be told of.

    ``phrase`` is what others may be offered of it, if many ask the same: of visitors alone who agreed to be
    counted, since nobody else can be told apart.
    """

    id: str
    visitor_id: str
    product_ids: Sequence[str]
    skipped: int
    at: datetime
    chosen: Sequence[str] = ()
    phrase: str = ""
    version: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    @classmethod
    def perform(
        cls, search_id: str, visitor_id: str, filters: Filters, found: Findings, at: datetime
    ) -> Search:
        """Note what was looked for and what came of it; words that the shop does not know are not told."""
        ids = tuple(found.product_ids)
        is_counted = found.is_success and visitor_id.startswith(COUNTED)
        search = cls(
            id=search_id,
            visitor_id=visitor_id,
            product_ids=ids,
            skipped=found.skipped,
            at=at,
            phrase=found.phrase if is_counted else "",
        )
        known = [word.text for word in found.words if word.known]
        search.record(
            ProductsSearched(
                visitor_id=visitor_id,
                search_id=search_id,
                query=" ".join(known),
                withheld=len(found.words) - len(known),
                match=found.match,
                filters=_as_part(filters),
                skipped=found.skipped,
                total=found.total,
                product_ids=ids,
                at=at,
            )
        )
        return search

    def choose(self, product_id: str, at: datetime) -> None:
        """Note that a result was opened; again changes nothing.

        Raises:
            NotAResult: it is none.
        """
        if product_id not in self.product_ids:
            raise NotAResult("The product is not among the results of this search.")
        if product_id in self.chosen:
            return
        self.chosen = (*self.chosen, product_id)
        position = self.skipped + list(self.product_ids).index(product_id) + 1
        self.record(
            SearchResultChosen(
                visitor_id=self.visitor_id,
                search_id=self.id,
                product_id=product_id,
                position=position,
                at=at,
            )
        )


def fits(product: Product, filters: Filters) -> bool:
    """Say whether a product still is what was asked for: in stock, options and price of one variant."""
    return any(_fits(variant, filters) for variant in product.variants)


def _fits(variant: Variant, filters: Filters) -> bool:
    if filters.in_stock and not variant.available:
        return False
    if any(variant.options.get(name) not in values for name, values in filters.options.items()):
        return False
    if filters.price == PriceRange():
        return True
    price, wanted = variant.price_in(filters.currency), filters.price
    return (
        price is not None
        and (wanted.at_least is None or price.amount >= wanted.at_least)
        and (wanted.at_most is None or price.amount <= wanted.at_most)
    )


def _as_part(filters: Filters) -> SearchFilters:
    return SearchFilters(
        category_id=filters.category_id,
        attributes=dict(filters.attributes),
        options=dict(filters.options),
        in_stock=filters.in_stock,
        price_from=filters.price.at_least,
        price_to=filters.price.at_most,
        currency=filters.currency,
        rating_from=filters.rating,
    )
