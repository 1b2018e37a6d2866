"""Lists of products over HTTP: typed filters, known orders, facets with their counts."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Self

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import BaseModel

from shop_catalog.api.errors import ERRORS
from shop_catalog.api.listed_products import ListAnswer, list_answer
from shop_catalog.api.pages_found import Desk
from shop_catalog.api.plain_reads import Keeping
from shop_catalog.api.product_views import ProductView
from shop_catalog.api.requests import CurrencyCode
from shop_catalog.application import lists
from shop_catalog.application.lists import Wanted
from shop_catalog.domain import lists as domain
from shop_catalog.domain.errors import AccessDenied, CurrencyNeeded, SearchNotReady
from shop_catalog.domain.lists import Filters, PriceRange, Sort, Spot
from shop_catalog.domain.products import MAX_AMOUNT, ProductStatus
from shop_chassis.auth import MaybeCaller
from shop_chassis.http import BadCursor, Listing, Page, PageRequest, Read, names
from shop_chassis.openapi import responses
from shop_chassis.problems import Unprocessable

router = APIRouter(tags=["products"])

MOST_CHOSEN = 20

Chosen = Annotated[
    list[Annotated[str, Query(max_length=600)]],
    Query(max_length=MOST_CHOSEN, description="`name:value`; of several under one name, any"),
]
Amount = Annotated[int | None, Query(ge=0, le=MAX_AMOUNT, description="In minor units of `currency`")]
IfNoneMatch = Annotated[
    str, Header(alias="If-None-Match", max_length=1000, description="ETag that is known already")
]
AcceptLanguage = Annotated[
    str, Header(alias="Accept-Language", max_length=500, description="Languages that are understood")
]
SortBy = Annotated[Sort, Query(description="`-price` is the dearest first")]


async def _filters(
    *,
    category_id: Annotated[str | None, Query(max_length=100, description="In it, or below it")] = None,
    attribute: Chosen = [],  # noqa: B006
    option: Chosen = [],  # noqa: B006
    currency: Annotated[CurrencyCode | None, Query()] = None,
    price_from: Amount = None,
    price_to: Amount = None,
    in_stock: Annotated[bool, Query(description="Only what is to be had now")] = False,
    sku: Annotated[str | None, Query(max_length=64, description="Exactly this stock keeping unit")] = None,
    status: Annotated[ProductStatus, Query(description="Others are the merchants' alone")] = (
        ProductStatus.PUBLISHED
    ),
) -> Filters:
    filters = filters_of(
        category_id=category_id,
        attribute=attribute,
        option=option,
        currency=currency,
        price=PriceRange(price_from, price_to),
        in_stock=in_stock,
    )
    return filters.without(sku=sku, status=status)


def filters_of(
    *,
    category_id: str | None,
    attribute: Sequence[str],
    option: Sequence[str],
    currency: str | None,
    price: PriceRange,
    in_stock: bool,
) -> Filters:
    """Return filters as they are asked for.

    Raises:
        Unprocessable: a choice is not ``name:value``.
    """
    return Filters(
        category_id=category_id,
        attributes=_by_name("attribute", attribute),
        options=_by_name("option", option),
        currency=currency,
        price=price,
        in_stock=in_stock,
    )


Filtered = Annotated[Filters, Depends(_filters)]


async def _published(filters: Filtered) -> Filters:
    if filters.status is not ProductStatus.PUBLISHED or filters.sku is not None:
        raise Unprocessable(
            [{"in": "query", "name": "status, sku", "message": "Only lists can be narrowed by it"}]
        )
    return filters


OnSale = Annotated[Filters, Depends(_published)]
"""Filters that make sense for what is on sale."""


class CountView(BaseModel):
    """How many products there are with a value."""

    value: str
    count: int


class CategoryCountView(BaseModel):
    """How many products there are in a category and below it."""

    id: str
    name: str
    count: int


class PriceCountView(BaseModel):
    """How many products are to be had for so much, in minor units; the last range has no end."""

    at_least: int
    at_most: int | None
    count: int


class FacetsView(BaseModel):
    """How many products there would be with each value chosen; what is chosen of a facet limits all others.

    ``total`` is the number of products that match all filters.
    """

    total: int
    categories: list[CategoryCountView]
    attributes: dict[str, list[CountView]]
    options: dict[str, list[CountView]]
    prices: list[PriceCountView]
    in_stock: int

    @classmethod
    def of(cls, facets: domain.Facets) -> Self:
        """Return how facets are shown."""
        return cls(
            total=facets.total,
            categories=[CategoryCountView(**asdict(each)) for each in facets.categories],
            attributes={name: _counts(values) for name, values in facets.attributes.items()},
            options={name: _counts(values) for name, values in facets.options.items()},
            prices=[PriceCountView(**asdict(each)) for each in facets.prices],
            in_stock=facets.in_stock,
        )


@router.get(
    "/v1/products",
    response_model=Listing[ProductView],
    responses={
        **responses(BadCursor, AccessDenied, CurrencyNeeded, of=ERRORS),
        304: {"description": "It is as it was"},
    },
)
async def list_products(
    page: Page,
    filters: Filtered,
    caller: MaybeCaller,
    read: Read,
    keeping: Keeping,
    *,
    sort: SortBy = Sort.OLDEST,
    if_none_match: IfNoneMatch = "",
    accept_language: AcceptLanguage = "",
) -> Response:
    """List products in one of several orders; by words they are searched for."""
    wanted = Wanted(filters, sort, page.limit, _spot(page, sort.value))
    answer = list_answer(await read(lists.page, wanted, caller), sort, accept_language)
    if caller is None:
        keeping.keep(answer, len(answer.body))
    return _response(answer, if_none_match)


@router.get(
    "/v1/products/facets",
    response_model=FacetsView,
    responses={
        **responses(CurrencyNeeded, SearchNotReady, of=ERRORS),
        304: {"description": "It is as it was"},
    },
)
async def count_facets(filters: OnSale, desk: Desk, if_none_match: IfNoneMatch = "") -> Response:
    """Count the products of each value that a list could be narrowed to, as of a moment ago."""
    counted = FacetsView.of(await desk.count(filters))
    return _response(ListAnswer.of(counted.model_dump_json().encode()), if_none_match)


def _response(answer: ListAnswer, if_none_match: str) -> Response:
    """Answer with an ETag made of what is shown, or with 304 where that is known."""
    if names(if_none_match, answer.tag):
        return Response(status_code=304, headers=answer.headers)
    return Response(answer.body, headers=answer.headers, media_type="application/json")


def _by_name(where: str, chosen: Sequence[str]) -> dict[str, tuple[str, ...]]:
    values: dict[str, list[str]] = defaultdict(list)
    for each in chosen:
        name, colon, value = each.partition(":")
        if not colon or not re.fullmatch(r"[^\x00-\x1f$.=:]{1,50}", name):
            raise Unprocessable([{"in": "query", "name": where, "message": "It should be name:value"}])
        values[name].append(value)
    return {name: tuple(each) for name, each in values.items()}


def _counts(values: Sequence[domain.Count]) -> list[CountView]:
    return [CountView(value=each.value, count=each.count) for each in values]


def _spot(page: PageRequest, order: str) -> Spot | None:
    """Return the place of the last product shown.

    Raises:
        BadCursor: the cursor is not one of a list in this order.
    """
    position = page.after(str, str, str)
    if position is None:
        return None
    spot = Spot.read(position[1], position[2])
    if position[0] != order or spot is None:
        raise BadCursor
    return spot
