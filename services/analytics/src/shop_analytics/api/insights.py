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
from shop_chassis.http import Read
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


class Summary(BaseModel):
    """Counts of the whole shop. ``purchases`` are paid orders; ``recommended`` counts products shown."""

    since: date | None
    sessions: int
    views: int
    engaged_minutes: float
    purchases: int
    units: int
    recommended: int
    recommendation_clicks: int


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
    )
