"""The most popular products, as one process remembers them for a few seconds."""

from __future__ import annotations

import asyncio
import time

from shop_analytics.store.unit_of_work import AnalyticsUnitOfWork

_MOST = 100


class Popular:
    """Asks the database at most once in ``seconds``, however many want to know."""

    def __init__(self, seconds: float = 2.0) -> None:
        self._seconds = seconds
        self._products: list[str] = []
        self._good_until = 0.0
        self._asking = asyncio.Lock()

    async def __call__(self, uow: AnalyticsUnitOfWork) -> list[str]:
        """Return the most popular products, the first one first."""
        async with self._asking:
            if time.monotonic() > self._good_until:
                self._products = await uow.scores.most_popular(_MOST)
                self._good_until = time.monotonic() + self._seconds
        return self._products
