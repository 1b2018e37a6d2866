"""What a basket would cost, over HTTP: the total that an order may then name."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from shop_catalog.api.errors import ERRORS
from shop_catalog.api.orders import Goods, checkout_of
from shop_catalog.application.checkout import Checkout
from shop_catalog.domain.errors import (
    CouponRefused,
    MixedCurrencies,
    TotalTooLarge,
    UnknownProducts,
    UnknownVariant,
    VariantNeeded,
)
from shop_chassis.auth import MaybeCaller
from shop_chassis.openapi import responses
from shop_events.contracts import Money
from shop_events.contracts.catalog import OrderAdjustment, OrderLine

router = APIRouter(tags=["orders"])


class QuoteView(BaseModel):
    """What a basket costs now. The total is the sum of the lines and of the adjustments not included."""

    lines: list[OrderLine]
    adjustments: list[OrderAdjustment]
    total: Money


@router.post(
    "/v1/quotes",
    responses=responses(
        UnknownProducts,
        UnknownVariant,
        VariantNeeded,
        MixedCurrencies,
        TotalTooLarge,
        CouponRefused,
        of=ERRORS,
    ),
)
async def quote_basket(
    body: Goods, caller: MaybeCaller, checkout: Annotated[Checkout, Depends(checkout_of)]
) -> QuoteView:
    """Price a basket with promotions, delivery and tax; nothing is kept or taken."""
    found = await checkout.quote(body.basket(), caller.user_id if caller else None)
    return QuoteView(lines=list(found.lines), adjustments=list(found.adjustments), total=found.total)
