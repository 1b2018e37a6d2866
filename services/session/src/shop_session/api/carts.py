"""The visitor's own cart over HTTP."""

from __future__ import annotations

import hashlib
from typing import Annotated, Self

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field

from shop_chassis.http import BadEntityTag, BadIdempotencyKey, Body, IdempotencyKey, etag
from shop_chassis.openapi import responses
from shop_events.contracts import Money
from shop_session.api.errors import ERRORS
from shop_session.api.preconditions import MaybeVersion
from shop_session.api.visit import Visitor
from shop_session.application import carts
from shop_session.application.carts import Request, ShownCart
from shop_session.domain.carts import MOST_LINES, MOST_PIECES, line_key, line_of
from shop_session.domain.errors import (
    CartFull,
    KeyReused,
    SessionEnded,
    TooManyPieces,
    VariantNeeded,
    VersionConflict,
)
from shop_session.store.products import Product, ProductState

router = APIRouter(tags=["cart"])

_PRODUCT_ID = r"^[A-Za-z0-9_-]{1,100}$"
ProductId = Annotated[str, Field(pattern=_PRODUCT_ID)]
_LINE = r"^[A-Za-z0-9_-]{1,100}(:[A-Za-z0-9_-]{1,100})?$"
Line = Annotated[str, Field(pattern=_LINE)]
LineInPath = Annotated[
    str,
    Path(pattern=_LINE, description="The product's id; with `:` and the variant's, where there are several"),
]
Pieces = Annotated[int, Field(ge=0, le=MOST_PIECES)]

_REFUSALS = (SessionEnded, VariantNeeded, VersionConflict, CartFull, TooManyPieces, BadEntityTag)


class PutLine(Body):
    """How many pieces there are to be; 0 takes the line out."""

    quantity: Pieces


class AddLine(Body):
    """How many pieces more there are to be; a product with several variants needs to know of which."""

    product_id: ProductId
    variant_id: ProductId | None = None
    quantity: Annotated[int, Field(ge=1, le=MOST_PIECES)]

    @property
    def line(self) -> str:
        """The line they go into."""
        return line_key(self.product_id, self.variant_id)

    def request(self, key: str) -> Request:
        """Return what the idempotency key stands for."""
        return Request(key, hashlib.sha256(f"{self.line} {self.quantity}".encode()).hexdigest())


class ChangeCart(Body):
    """How many pieces there are to be; 0 takes a line out, others stay.

    A line goes by its product's id; with ``:`` and the variant's id behind it, where there are several.
    """

    lines: Annotated[dict[Line, Pieces], Field(min_length=1, max_length=MOST_LINES)]


class LineView(BaseModel):
    """A line. Title and prices are null of products that are gone, or of which nothing was heard yet."""

    product_id: str
    variant_id: str | None
    quantity: int
    state: ProductState
    title: str | None
    unit_price: Money | None
    line_total: Money | None
    image_url: str | None

    @classmethod
    def of(cls, product: Product, key: str, quantity: int) -> Self:
        """Return how a line is shown."""
        price = product.price
        return cls(
            product_id=product.id,
            variant_id=line_of(key)[1],
            quantity=quantity,
            state=product.state,
            title=product.title,
            unit_price=price,
            line_total=price and price.times(quantity),
            image_url=product.image_url,
        )


class CartView(BaseModel):
    """A cart. ``total`` is of what is on sale; null where nothing is, or for several currencies.

    A cart keeps its ``id`` and its ``version`` grows with each change: together they name what was seen.
    """

    id: str | None
    version: int
    pieces: int
    lines: list[LineView]
    total: Money | None

    @classmethod
    def of(cls, shown: ShownCart) -> Self:
        """Return how a cart is shown."""
        if shown.cart is None:
            return cls(id=None, version=0, pieces=0, lines=[], total=None)
        lines = [LineView.of(shown.products[key], key, count) for key, count in shown.cart.quantities.items()]
        cart = shown.cart
        return cls(
            id=cart.owner.id, version=cart.version, pieces=cart.pieces, lines=lines, total=_total(lines)
        )


@router.get("/v1/session/cart", responses=responses(SessionEnded, of=ERRORS))
async def show_cart(visit: Visitor, response: Response) -> CartView:
    """Show the cart with present titles and prices; its ETag is what a change may name."""
    return _answer(await visit.read(carts.show), response)


@router.patch("/v1/session/cart", responses=responses(*_REFUSALS, of=ERRORS))
async def change_cart(
    body: ChangeCart, visit: Visitor, version: MaybeVersion, response: Response
) -> CartView:
    """Change several lines at once, all or none."""
    return _answer(await visit.write(carts.put, body.lines, version), response)


@router.post(
    "/v1/session/cart/lines",
    responses=responses(
        SessionEnded, VariantNeeded, CartFull, TooManyPieces, KeyReused, BadIdempotencyKey, of=ERRORS
    ),
)
async def add_line(body: AddLine, visit: Visitor, key: IdempotencyKey, response: Response) -> CartView:
    """Put more pieces of a product into the cart."""
    added = await visit.write(carts.add, body.line, body.quantity, body.request(key))
    return _answer(added, response)


@router.put("/v1/session/cart/lines/{product_id}", responses=responses(*_REFUSALS, of=ERRORS))
async def put_line(
    product_id: LineInPath, body: PutLine, visit: Visitor, version: MaybeVersion, response: Response
) -> CartView:
    """Have exactly so many pieces of a product."""
    return _answer(await visit.write(carts.put, {product_id: body.quantity}, version), response)


@router.delete("/v1/session/cart/lines/{product_id}", responses=responses(*_REFUSALS, of=ERRORS))
async def remove_line(
    product_id: LineInPath, visit: Visitor, version: MaybeVersion, response: Response
) -> CartView:
    """Take a product out of the cart; again is harmless."""
    return _answer(await visit.write(carts.put, {product_id: 0}, version), response)


def _answer(shown: ShownCart, response: Response) -> CartView:
    view = CartView.of(shown)
    response.headers["ETag"] = etag(view.version)
    return view


def _total(lines: list[LineView]) -> Money | None:
    totals = [line.line_total for line in lines if line.line_total and line.state is ProductState.ON_SALE]
    currencies = {total.currency for total in totals}
    return Money.total(totals, currencies.pop()) if len(currencies) == 1 else None
