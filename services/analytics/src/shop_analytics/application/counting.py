"""What a batch adds to the counts of products and of days, summed before anything is written."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from shop_analytics.domain.popularity import Heat
from shop_analytics.store.unit_of_work import AnalyticsUnitOfWork

Sums = defaultdict[tuple[str, str], defaultdict[str, float]]


class Counting:
    """Sums by product and by day, each in the shard of its source partition."""

    def __init__(self, heat: Heat) -> None:
        self._heat = heat
        self._products: Sums = defaultdict(lambda: defaultdict(float))
        self._days: Sums = defaultdict(lambda: defaultdict(float))

    def day(self, at: datetime, shard: str, count: str, amount: float = 1) -> None:
        """Add to a count of the day of ``at`` (UTC)."""
        self._days[at.date().isoformat(), shard][count] += amount

    def product(self, product_id: str, shard: str, count: str, amount: float = 1) -> None:
        """Add to a count of a product."""
        self._products[product_id, shard][count] += amount

    def warm(self, product_id: str, shard: str, at: datetime, weight: float) -> None:
        """Add to the popularity of a product."""
        sums = self._products[product_id, shard]
        for path, amount in self._heat.parts(at, weight):
            sums[path] += amount

    async def store(self, uow: AnalyticsUnitOfWork) -> None:
        """Write the sums."""
        await uow.tallies.add(self._products, uow.now)
        await uow.days.add(self._days)
