"""Products that may interest whoever asks."""

from __future__ import annotations

from typing import Annotated, Any, cast

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel

from shop_analytics.application.recommendations import Question, Recommendation, Recommender
from shop_analytics.domain.recommendations import Placement, Reason
from shop_chassis.auth import MaybeCaller
from shop_chassis.http import Read
from shop_events.contracts import Money

router = APIRouter(tags=["recommendations"])

_RECENT = r"^[0-9A-Za-z_-]{1,64}(,[0-9A-Za-z_-]{1,64}){0,19}$"


class RecommendedProduct(BaseModel):
    """One product that can be bought, and why it is shown.

    ``because`` is ``bought-together`` or ``also-viewed`` (with ``of_product_id``), ``next-in-session``,
    ``buy-again`` or ``popular``.
    """

    product_id: str
    title: str
    price: Money
    image_url: str | None
    because: Reason
    of_product_id: str | None


class Recommendations(BaseModel):
    """Products, the likeliest first."""

    placement: Placement
    items: list[RecommendedProduct]


async def _recommender(request: Request) -> Recommender:
    return cast(Recommender, request.app.state.recommender)


@router.get("/v1/recommendations", response_model=Recommendations)
async def recommend(
    caller: MaybeCaller,
    read: Read,
    recommender: Annotated[Recommender, Depends(_recommender)],
    placement: Annotated[Placement, Query(description="Where the products will be shown")] = "home",
    *,
    product_id: Annotated[
        str | None, Query(pattern=r"^[0-9A-Za-z_-]{1,64}$", description="The product at hand")
    ] = None,
    recent: Annotated[
        str | None,
        Query(
            pattern=_RECENT,
            max_length=1400,
            description="Products viewed in this session, or in the cart, oldest first, at most 20",
        ),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=50, description="Most products to return")] = 10,
) -> Response:
    """Recommend products, each with the reason; at home, what the token's user buys again comes first."""
    question = Question(placement, limit, product_id, tuple(recent.split(",")) if recent else ())
    found = await read(recommender.recommend, question, caller)
    body = {"placement": placement, "items": [_shown(each) for each in found]}
    return Response(orjson.dumps(body), media_type="application/json")


def _shown(recommendation: Recommendation) -> dict[str, Any]:
    """Return a RecommendedProduct as it is written."""
    card = recommendation.product
    return {
        "product_id": card.id,
        "title": card.title,
        "price": {"amount": card.price.amount, "currency": card.price.currency},
        "image_url": card.image_url,
        "because": recommendation.because,
        "of_product_id": recommendation.of,
    }
