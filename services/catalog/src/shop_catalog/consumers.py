"""Events in: what analytics concludes about products, by which lists and searches are ranked."""

from __future__ import annotations

from shop_catalog.application import products
from shop_catalog.domain.products import Rating
from shop_catalog.store.unit_of_work import CatalogUnitOfWork
from shop_events.contracts.analytics import ScoreChanged, ScoreDropped
from shop_events.handlers import on


@on(ScoreChanged, projection="scores")
async def score_changed(uow: CatalogUnitOfWork, event: ScoreChanged) -> None:
    """Rank the product by it."""
    await products.rate(uow, event.product_id, Rating(event.popularity, event.trend, event.rank))


@on(ScoreDropped, projection="scores")
async def score_dropped(uow: CatalogUnitOfWork, event: ScoreDropped) -> None:
    """Rank the product among those that nobody asks for."""
    await products.rate(uow, event.product_id, Rating())
