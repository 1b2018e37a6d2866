"""What became of products and of the whole shop, for analysts."""

from __future__ import annotations

from datetime import date
from typing import Annotated, cast

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel

from shop_analytics.api.errors import ERRORS
from shop_analytics.application import insights
from shop_analytics.domain.errors import AccessDenied, ProductUnknown
from shop_analytics.domain.popularity import Heat
from shop_chassis.auth import Authenticated
from shop_chassis.http import BadCursor, Listing, Page, Read, encode_cursor
from shop_chassis.openapi import responses

router = APIRouter(tags=["insights"])

_MINUTE_MS = 60_000


class ProductInsight(BaseModel):
    """Counts of one product since counting began, and its score as of now."""

    product_id: str
    views: int
    engaged_minutes: float
    purchases: int
    units: int
    recommendation_clicks: int
    popularity: float
    trend: float


class BoughtTogether(BaseModel):
    """A product, and in how many orders it was bought together with the one asked about."""

    product_id: str
    orders: int


class Summary(BaseModel):
    """Counts of the whole shop. ``purchases`` are paid orders; ``recommended`` counts products shown;
    ``co_purchases`` adds up the pairs of products that were bought in one order.
    """

    since: date | None
    sessions: int
    views: int
    engaged_minutes: float
    purchases: int
    units: int
    recommended: int
    recommendation_clicks: int
    co_purchases: int


@router.get("/v1/insights/products/{id}", responses=responses(AccessDenied, ProductUnknown, of=ERRORS))
async def product_insight(
    id: Annotated[str, Path(max_length=100)], caller: Authenticated, read: Read, request: Request
) -> ProductInsight:
    """Show how a product is viewed and bought."""
    heat = cast(Heat, request.app.state.heat)
    found = await read(insights.of_product, id, caller, heat)
    counts = found.counts
    return ProductInsight(
        product_id=found.product_id,
        views=counts["views"],
        engaged_minutes=counts["engaged_ms"] / _MINUTE_MS,
        purchases=counts["purchases"],
        units=counts["units"],
        recommendation_clicks=counts["clicked"],
        popularity=found.score.popularity,
        trend=found.score.trend,
    )


@router.get(
    "/v1/insights/products/{id}/bought-together", responses=responses(AccessDenied, BadCursor, of=ERRORS)
)
async def bought_together(
    id: Annotated[str, Path(max_length=100)], caller: Authenticated, page: Page, read: Read
) -> Listing[BoughtTogether]:
    """Show what a product is bought together with, most often first."""
    found = await read(insights.bought_together, id, caller, page.limit, page.after(int, str))
    last = found[-1] if len(found) == page.limit else None
    return Listing(
        items=[BoughtTogether(product_id=each.product_id, orders=each.together) for each in found],
        next_cursor=last and encode_cursor(last.together, last.product_id),
    )


@router.get("/v1/insights/summary", responses=responses(AccessDenied, of=ERRORS))
async def summary(
    caller: Authenticated,
    read: Read,
    since: Annotated[date | None, Query(description="First day to count (UTC); all days without it")] = None,
) -> Summary:
    """Show how the whole shop is visited, viewed and bought from."""
    counts = await read(insights.summary, caller, since)
    return Summary(
        since=since,
        sessions=counts["sessions"],
        views=counts["views"],
        engaged_minutes=counts["engaged_ms"] / _MINUTE_MS,
        purchases=counts["purchases"],
        units=counts["units"],
        recommended=counts["shown"],
        recommendation_clicks=counts["clicked"],
        co_purchases=counts["co_purchases"],
    )
