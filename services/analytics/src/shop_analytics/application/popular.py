"""The most popular products that can be bought, as one process remembers them for a few seconds."""

from __future__ import annotations

import asyncio
import time

from shop_analytics.application.recommendations import sellable
from shop_analytics.domain.recommendations import Candidate
from shop_analytics.store.unit_of_work import AnalyticsUnitOfWork

_MOST = 100
_LOOKED_AT = 1000
"""Of so many: a shop whose best are sold out still has something to show."""


class Popular:
    """Asks the database at most once in ``seconds``, however many want to know."""

    def __init__(self, seconds: float = 2.0) -> None:
        self._seconds = seconds
        self._products: list[Candidate] = []
        self._good_until = 0.0
        self._asking = asyncio.Lock()

    async def __call__(self, uow: AnalyticsUnitOfWork) -> list[Candidate]:
        """Return the most popular products that could be bought a moment ago, the first one first."""
        async with self._asking:
            if time.monotonic() > self._good_until:
                ranked = await uow.scores.most_popular(_LOOKED_AT)
                on_sale = await sellable(uow, ranked)
                first = [id for id in ranked if id in on_sale][:_MOST]
                self._products = [Candidate(id, "popular") for id in first]
                self._good_until = time.monotonic() + self._seconds
        return self._products
