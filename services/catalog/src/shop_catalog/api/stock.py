"""Corrections of stock over HTTP, for merchants."""

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
from shop_catalog.domain.stock import MAX_STOCK, StockAdjustment
from shop_catalog.domain.variants import Item
from shop_chassis.auth import Authenticated
from shop_chassis.http import BadIdempotencyKey, Body, Transact
from shop_chassis.openapi import responses

router = APIRouter(tags=["stock"])


class AdjustStock(Body):
    """Pieces that came (positive) or went (negative), and why."""

    delta: Annotated[int, Field(ge=-MAX_STOCK, le=MAX_STOCK)]
    reason: Annotated[str, Field(min_length=1, max_length=200)]
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
