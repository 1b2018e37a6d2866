"""The variants of a product over HTTP, for merchants. Each change names the product's version."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from shop_catalog.api.errors import ERRORS
from shop_catalog.api.product_bodies import ChangeVariant, CreateVariant
from shop_catalog.api.product_views import ProductView
from shop_catalog.api.requests import Id
from shop_catalog.application import variants
from shop_catalog.domain.errors import (
    AccessDenied,
    InvalidVariants,
    ProductNotFound,
    SkuTaken,
    UnknownVariant,
    VersionConflict,
)
from shop_catalog.domain.products import Product
from shop_catalog.domain.variants import Item
from shop_chassis.auth import Authenticated
from shop_chassis.http import BadEntityTag, IfMatch, Transact, etag
from shop_chassis.openapi import responses
from shop_chassis.problems import PreconditionRequired

router = APIRouter(tags=["products"])

VariantId = Annotated[str, Path(max_length=100)]
_REFUSALS = (
    AccessDenied,
    BadEntityTag,
    ProductNotFound,
    VersionConflict,
    PreconditionRequired,
    InvalidVariants,
)


@router.post(
    "/v1/products/{id}/variants", status_code=201, responses=responses(*_REFUSALS, SkuTaken, of=ERRORS)
)
async def add_variant(
    id: Id,
    body: CreateVariant,
    caller: Authenticated,
    version: IfMatch,
    transact: Transact,
    *,
    response: Response,
) -> ProductView:
    """Sell a product in one more form."""
    return _answer(await transact(variants.add, id, body.new(), version, caller), response)


@router.patch(
    "/v1/products/{id}/variants/{variant_id}",
    responses=responses(*_REFUSALS, SkuTaken, UnknownVariant, of=ERRORS),
)
async def change_variant(
    id: Id,
    variant_id: VariantId,
    body: ChangeVariant,
    caller: Authenticated,
    version: IfMatch,
    *,
    transact: Transact,
    response: Response,
) -> ProductView:
    """Say something else of a variant."""
    changed = await transact(variants.change, Item(id, variant_id), body.changes(), version, caller)
    return _answer(changed, response)


@router.delete(
    "/v1/products/{id}/variants/{variant_id}",
    responses=responses(*_REFUSALS, UnknownVariant, of=ERRORS),
)
async def remove_variant(
    id: Id,
    variant_id: VariantId,
    caller: Authenticated,
    version: IfMatch,
    transact: Transact,
    *,
    response: Response,
) -> ProductView:
    """Sell a product no longer in this form."""
    return _answer(await transact(variants.remove, Item(id, variant_id), version, caller), response)


def _answer(product: Product, response: Response) -> ProductView:
    response.headers["ETag"] = etag(product.version)
    return ProductView.of(product)
