"""Products over HTTP: anybody may read, merchants write."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Response

from shop_catalog.api.errors import ERRORS
from shop_catalog.api.product_bodies import ChangeProduct, CreateProduct
from shop_catalog.api.product_views import ProductView
from shop_catalog.api.requests import Asked, Id
from shop_catalog.application import products
from shop_catalog.domain.errors import (
    AccessDenied,
    IllegalStatus,
    InvalidTranslations,
    InvalidVariants,
    KeyReused,
    ProductNotFound,
    ReferenceTaken,
    SkuTaken,
    UnknownCategory,
    VariantNeeded,
    VersionConflict,
)
from shop_catalog.domain.products import Hit
from shop_chassis.auth import Authenticated, MaybeCaller
from shop_chassis.http import (
    BadCursor,
    BadEntityTag,
    BadIdempotencyKey,
    IfMatch,
    Listing,
    Page,
    PageRequest,
    Read,
    Transact,
    encode_cursor,
    etag,
    names,
)
from shop_chassis.openapi import responses
from shop_chassis.problems import PreconditionRequired

router = APIRouter(tags=["products"])

_MISFITS = (SkuTaken, ReferenceTaken, UnknownCategory, InvalidVariants, InvalidTranslations)

AcceptLanguage = Annotated[
    str, Header(alias="Accept-Language", max_length=500, description="Languages that are understood")
]


@router.post(
    "/v1/products",
    status_code=201,
    responses=responses(AccessDenied, BadIdempotencyKey, KeyReused, *_MISFITS, of=ERRORS),
)
async def create_product(
    body: CreateProduct, caller: Authenticated, asked: Asked, transact: Transact, response: Response
) -> ProductView:
    """Put a product on sale, or make a draft of one."""
    product = await transact(products.create, body.new(), caller, asked(body))
    response.headers["ETag"] = etag(product.version)
    response.headers["Location"] = f"/v1/products/{product.id}"
    return ProductView.of(product)


@router.get("/v1/products", responses=responses(BadCursor))
async def list_products(
    page: Page,
    read: Read,
    q: Annotated[str | None, Query(min_length=1, max_length=200, description="Words to search for")] = None,
    sku: Annotated[str | None, Query(max_length=64, description="Exactly this stock keeping unit")] = None,
    sort: Annotated[
        Literal["oldest", "popular"], Query(description="Order of a list that is no search")
    ] = "oldest",
) -> Listing[ProductView]:
    """List products, or those that match ``q``, the most relevant and wanted first."""
    if q is not None and sku is None:
        return _ranked(page, await read(products.search, q, page.limit + 1, _place(page)))
    if sort == "popular" and sku is None:
        return _ranked(page, await read(products.popular, page.limit + 1, _place(page)))
    (after,) = page.after(str) or (None,)
    found = await read(products.page, page.limit + 1, after, sku)
    shown = found[: page.limit]
    return Listing(
        items=[ProductView.of(product) for product in shown],
        next_cursor=encode_cursor(shown[-1].id) if len(found) > page.limit else None,
    )


@router.get(
    "/v1/products/{id}",
    response_model=ProductView,
    responses={**responses(ProductNotFound, of=ERRORS), 304: {"description": "It is as it was"}},
)
async def show_product(
    id: Id,
    caller: MaybeCaller,
    read: Read,
    response: Response,
    accept_language: AcceptLanguage = "",
    *,
    if_none_match: Annotated[str, Header(max_length=1000, description="ETag that is known already")] = "",
) -> ProductView | Response:
    """Show a product in the language that suits best; its ETag is what a change must name."""
    product = await read(products.show, id, caller)
    language = product.details.best_language(accept_language)
    tag = etag(product.version, "" if language == product.details.language else language)
    headers = {"ETag": tag, "Content-Language": language, "Vary": "Accept-Language, Authorization"}
    if names(if_none_match, tag):
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return ProductView.of(product, language)


@router.patch(
    "/v1/products/{id}",
    responses=responses(
        AccessDenied,
        BadEntityTag,
        ProductNotFound,
        VersionConflict,
        PreconditionRequired,
        VariantNeeded,
        IllegalStatus,
        *_MISFITS,
        of=ERRORS,
    ),
)
async def change_product(
    id: Id,
    body: ChangeProduct,
    caller: Authenticated,
    version: IfMatch,
    transact: Transact,
    *,
    response: Response,
) -> ProductView:
    """Say something else of a product, publish it, take it back to a draft, or archive it."""
    product = await transact(products.change, id, body.changes(), version, caller)
    response.headers["ETag"] = etag(product.version)
    return ProductView.of(product)


@router.delete(
    "/v1/products/{id}", status_code=204, responses=responses(AccessDenied, ProductNotFound, of=ERRORS)
)
async def delete_product(id: Id, caller: Authenticated, transact: Transact) -> None:
    """Take a product off sale for good."""
    await transact(products.delete, id, caller)


def _ranked(page: PageRequest, found: list[Hit]) -> Listing[ProductView]:
    shown = found[: page.limit]
    return Listing(
        items=[ProductView.of(product) for _, product in shown],
        next_cursor=encode_cursor(repr(shown[-1][0]), shown[-1][1].id) if len(found) > page.limit else None,
    )


def _place(page: PageRequest) -> tuple[float, str] | None:
    """Return rank and id of the last product shown."""
    after = page.after(str, str)
    if after is None:
        return None
    try:
        score = float(after[0])
    except ValueError as error:
        raise BadCursor from error
    if not math.isfinite(score):
        raise BadCursor
    return score, after[1]
