"""What visitors choose from what they looked for: a product that is chosen is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shop_analytics.application.counting import Counting
from shop_analytics.application.intake import Arrival
from shop_analytics.domain.popularity import CHOSEN, Heat
from shop_analytics.store.unit_of_work import AnalyticsUnitOfWork
from shop_events.contracts.catalog_searches import SearchResultChosen

TYPES = (SearchResultChosen,)


@dataclass(frozen=True)
class Searches:
    """Folds batches of catalog.searches."""

    heat: Heat

    async def fold(self, uow: AnalyticsUnitOfWork, arrivals: Sequence[Arrival]) -> None:
        """Count what was chosen of products that catalog has told of, each choice once."""
        chosen = {
            arrival.id: (arrival.event, arrival.shard)
            for arrival in arrivals
            if isinstance(arrival.event, SearchResultChosen)
        }
        known = await uow.products.known(event.product_id for event, _ in chosen.values())
        counting = Counting(self.heat)
        for id in await uow.seen.fresh(chosen, uow.now):
            event, shard = chosen[id]
            if event.product_id in known:
                counting.product(event.product_id, shard, "chosen")
                counting.warm(event.product_id, shard, event.at, CHOSEN)
        await counting.store(uow)
