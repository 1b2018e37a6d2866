"""Products over HTTP: anybody may read, merchants write."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Header, Query, Response
from pydantic import BaseModel, Field

from shop_catalog.api.errors import ERRORS
from shop_catalog.api.requests import Amount, Asked, Id
from shop_catalog.application import products
from shop_catalog.domain.errors import AccessDenied, KeyReused, ProductNotFound, SkuTaken, VersionConflict
from shop_catalog.domain.products import Hit, Product, ProductDetails
from shop_catalog.domain.stock import MAX_STOCK
from shop_chassis.auth import Authenticated
from shop_chassis.http import (
    BadCursor,
    BadEntityTag,
    BadIdempotencyKey,
    Body,
    IfMatch,
    Listing,
    Page,
    PageRequest,
    Read,
    Transact,
    encode_cursor,
    etag,
)
from shop_chassis.openapi import responses
from shop_chassis.problems import PreconditionRequired
from shop_events.contracts import Money

router = APIRouter(tags=["products"])

Sku = Annotated[str, Field(min_length=1, max_length=64)]
Title = Annotated[str, Field(min_length=1, max_length=200)]
Description = Annotated[str, Field(max_length=10_000)]
Category = Annotated[str, Field(min_length=1, max_length=100)]
ImageUrl = Annotated[str, Field(max_length=2000, pattern=r"^https?://\S+$")]


class CreateProduct(Body):
    """A product to be put on sale, with ``stock`` pieces of it."""

    sku: Sku
    title: Title
    description: Description = ""
    category: Category | None = None
    price: Amount
    image_url: ImageUrl | None = None
    stock: Annotated[int, Field(ge=0, le=MAX_STOCK)] = 0

    def details(self) -> ProductDetails:
        """Return what is said of the product."""
        said = self.model_dump(exclude={"price", "stock"})
        return ProductDetails(price=self.price.money(), **said)


def _unsaid() -> Any:
    """Stand in for a field that was not sent; it is never read."""
    return None


class ChangeProduct(Body):
    """What is to be said differently; what is not sent stays."""

    sku: Sku = Field(default_factory=_unsaid)
    title: Title = Field(default_factory=_unsaid)
    description: Description = Field(default_factory=_unsaid)
    category: Category | None = None
    price: Amount = Field(default_factory=_unsaid)
    image_url: ImageUrl | None = None

    def changes(self) -> dict[str, Any]:
        """Return what was sent, by name."""
        sent = {name: getattr(self, name) for name in self.model_fields_set}
        return {name: value.money() if isinstance(value, Amount) else value for name, value in sent.items()}


class ProductView(BaseModel):
    """A product as anybody may see it. ``available`` says whether there is anything to sell."""

    id: str
    sku: str
    title: str
    description: str
    category: str | None
    price: Money
    image_url: str | None
    available: bool

    @classmethod
    def of(cls, product: Product) -> Self:
        """Return how a product is shown."""
        said = {name: getattr(product.details, name) for name in ProductDetails.__dataclass_fields__}
        return cls(id=product.id, available=product.available, **said)


@router.post(
    "/v1/products",
    status_code=201,
    responses=responses(AccessDenied, BadIdempotencyKey, SkuTaken, KeyReused, of=ERRORS),
)
async def create_product(
    body: CreateProduct, caller: Authenticated, asked: Asked, transact: Transact, response: Response
) -> ProductView:
    """Put a product on sale."""
    product = await transact(products.create, body.details(), body.stock, caller, asked(body))
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
    read: Read,
    response: Response,
    if_none_match: Annotated[str, Header(max_length=1000, description="ETag that is known already")] = "",
) -> ProductView | Response:
    """Show a product; its ETag is what a change must name."""
    product = await read(products.show, id)
    tag = etag(product.version)
    if _names(if_none_match, tag):
        return Response(status_code=304, headers={"ETag": tag})
    response.headers["ETag"] = tag
    return ProductView.of(product)


@router.patch(
    "/v1/products/{id}",
    responses=responses(
        AccessDenied,
        BadEntityTag,
        ProductNotFound,
        SkuTaken,
        VersionConflict,
        PreconditionRequired,
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
    """Say something else of a product."""
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


def _names(if_none_match: str, tag: str) -> bool:
    """Say whether If-None-Match names ``tag``, by weak comparison (RFC 9110, section 13.1.2)."""
    named = {each.strip().removeprefix("W/") for each in if_none_match.split(",")}
    return tag in named or "*" in named
