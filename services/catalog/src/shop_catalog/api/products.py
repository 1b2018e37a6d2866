"""Products over HTTP: anybody may read, merchants write."""

from __future__ import annotations

from fastapi import APIRouter, Response

from shop_catalog.api.errors import ERRORS
from shop_catalog.api.lists import AcceptLanguage, IfNoneMatch
from shop_catalog.api.product_bodies import ChangeProduct, CreateProduct
from shop_catalog.api.product_views import ProductView
from shop_catalog.api.requests import Asked, Id
from shop_catalog.api.shown_products import ShownProduct
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
from shop_chassis.auth import Authenticated, MaybeCaller
from shop_chassis.http import (
    BadEntityTag,
    BadIdempotencyKey,
    IfMatch,
    Read,
    Transact,
    etag,
    names,
)
from shop_chassis.openapi import responses
from shop_chassis.problems import PreconditionRequired

router = APIRouter(tags=["products"])

_MISFITS = (SkuTaken, ReferenceTaken, UnknownCategory, InvalidVariants, InvalidTranslations)


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


@router.get(
    "/v1/products/{id}",
    response_model=ProductView,
    responses={**responses(ProductNotFound, of=ERRORS), 304: {"description": "It is as it was"}},
)
async def show_product(
    id: Id,
    caller: MaybeCaller,
    read: Read,
    accept_language: AcceptLanguage = "",
    *,
    if_none_match: IfNoneMatch = "",
) -> Response:
    """Show a product in the language that suits best; its ETag is what a change must name."""
    shown = ShownProduct(await read(products.show, id, caller)).to(accept_language)
    if names(if_none_match, shown.tag):
        return Response(status_code=304, headers=shown.headers)
    return Response(shown.body, headers=shown.headers, media_type="application/json")


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
