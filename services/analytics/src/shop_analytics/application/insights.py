"""Insights for analysts: what became of a product, and of the whole shop."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from shop_analytics.domain.access import Caller, demand_analyst
from shop_analytics.domain.errors import ProductUnknown
from shop_analytics.domain.popularity import Heat, Score
from shop_analytics.domain.recommendations import Companion
from shop_analytics.store.unit_of_work import AnalyticsUnitOfWork

_COUNTS = ("views", "engaged_ms", "purchases", "units", "clicked")


@dataclass(frozen=True, slots=True)
class ProductInsight:
    """Counts of one product, and its score as of now."""

    product_id: str
    counts: dict[str, int]
    score: Score


async def of_product(uow: AnalyticsUnitOfWork, product_id: str, caller: Caller, heat: Heat) -> ProductInsight:
    """Return what is known of a product.

    Raises:
        AccessDenied: the caller is no analyst.
        ProductUnknown: nothing is known of it.
    """
    demand_analyst(caller)
    shards = (await uow.tallies.of([product_id]))[product_id]
    if not shards and await uow.products.get(product_id) is None:
        raise ProductUnknown
    counts = {name: int(sum(shard.get(name, 0) for shard in shards)) for name in _COUNTS}
    return ProductInsight(product_id, counts, heat.score(shards, uow.now))


async def bought_together(
    uow: AnalyticsUnitOfWork, product_id: str, caller: Caller, limit: int, after: tuple[int, str] | None
) -> list[Companion]:
    """Return the products that were bought in one order with another, most often first.

    Args:
        after: count and id of the last companion before this page.

    Raises:
        AccessDenied: the caller is no analyst.
    """
    demand_analyst(caller)
    return await uow.co_purchases.page(product_id, limit, after)


async def summary(uow: AnalyticsUnitOfWork, caller: Caller, since: date | None) -> dict[str, int]:
    """Return the counts of the whole shop, from the day ``since`` (UTC) on.

    Raises:
        AccessDenied: the caller is no analyst.
    """
    demand_analyst(caller)
    return await uow.days.sum(since)
