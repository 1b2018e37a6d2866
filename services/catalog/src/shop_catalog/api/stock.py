"""Stock over HTTP, for merchants: what is left, what was corrected, and corrections."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter
from pydantic import BaseModel, Field

from shop_catalog.api.errors import ERRORS
from shop_catalog.api.requests import Asked, Id
from shop_catalog.application import stock
from shop_catalog.domain.errors import (
    AccessDenied,
    KeyReused,
    ProductNotFound,
    StockOutOfRange,
    UnknownVariant,
    VariantNeeded,
)
from shop_catalog.domain.stock import MAX_STOCK, StockAdjustment, StockItem
from shop_catalog.domain.variants import Item, Variant
from shop_chassis.auth import Authenticated
from shop_chassis.http import (
    ONE_LINE,
    BadCursor,
    BadIdempotencyKey,
    Body,
    Listing,
    Page,
    Read,
    Transact,
    encode_cursor,
)
from shop_chassis.openapi import responses

router = APIRouter(tags=["stock"])


class AdjustStock(Body):
    """Pieces that came (positive) or went (negative), and why."""

    delta: Annotated[int, Field(ge=-MAX_STOCK, le=MAX_STOCK)]
    reason: Annotated[str, Field(min_length=1, max_length=200, pattern=ONE_LINE)]
    variant_id: Annotated[str | None, Field(max_length=100, description="Needed where there are several")] = (
        None
    )


class AdjustmentView(BaseModel):
    """A correction; ``left`` is the stock after it."""

    id: str
    product_id: str
    variant_id: str
    delta: int
    reason: str
    left: int
    at: datetime

    @classmethod
    def of(cls, adjustment: StockAdjustment) -> Self:
        """Return how a correction is shown."""
        return cls(**{name: getattr(adjustment, name) for name in cls.model_fields})


class StockView(BaseModel):
    """The pieces of a variant that are left to be sold: what orders have reserved is not among them."""

    variant_id: str
    sku: str
    options: dict[str, str]
    left: int

    @classmethod
    def of(cls, variant: Variant, item: StockItem) -> Self:
        """Return how the stock of a variant is shown."""
        return cls(variant_id=variant.id, sku=variant.sku, options=dict(variant.options), left=item.left)


_OF_MERCHANTS = (AccessDenied, ProductNotFound)


@router.get("/v1/products/{id}/stock", responses=responses(*_OF_MERCHANTS, of=ERRORS))
async def show_stock(id: Id, caller: Authenticated, read: Read) -> Listing[StockView]:
    """Show how many pieces of each variant of a product are left, all on one page."""
    shown = await read(stock.show, id, caller)
    return Listing(items=[StockView.of(variant, item) for variant, item in shown])


@router.get("/v1/products/{id}/stock-adjustments", responses=responses(BadCursor, *_OF_MERCHANTS, of=ERRORS))
async def list_adjustments(id: Id, caller: Authenticated, page: Page, read: Read) -> Listing[AdjustmentView]:
    """List how a product's stock was corrected, and why; the newest first."""
    (before,) = page.after(str) or (None,)
    found = await read(stock.history, id, page.limit + 1, before, caller)
    shown = found[: page.limit]
    cursor = encode_cursor(shown[-1].id) if len(found) > page.limit else None
    return Listing(items=[AdjustmentView.of(each) for each in shown], next_cursor=cursor)


@router.post(
    "/v1/products/{id}/stock-adjustments",
    status_code=201,
    responses=responses(
        AccessDenied,
        BadIdempotencyKey,
        ProductNotFound,
        UnknownVariant,
        VariantNeeded,
        StockOutOfRange,
        KeyReused,
        of=ERRORS,
    ),
)
async def adjust_stock(
    id: Id, body: AdjustStock, caller: Authenticated, asked: Asked, transact: Transact
) -> AdjustmentView:
    """Correct how many pieces of a product there are."""
    item = Item(id, body.variant_id)
    adjustment = await transact(stock.adjust, item, caller, asked(body), delta=body.delta, reason=body.reason)
    return AdjustmentView.of(adjustment)
