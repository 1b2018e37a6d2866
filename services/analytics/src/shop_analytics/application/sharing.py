"""Queries that requests share: what many ask at the same time is asked of the database once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Generic, TypeVar

from shop_analytics.store.unit_of_work import AnalyticsUnitOfWork
from shop_events.gathering import Gathered

T = TypeVar("T")
Ask = Callable[[AnalyticsUnitOfWork, Collection[str]], Awaitable[Mapping[str, T]]]
Asked = tuple[AnalyticsUnitOfWork, Collection[str]]


class SharedQuery(Generic[T]):
    """Asks about products; nobody gets an answer to a query that began before they asked.

    Args:
        ask: returns what is known, by product id; outside of transactions.
        most: questions of one query.
    """

    def __init__(self, ask: Ask[T], most: int = 64) -> None:
        self._ask = ask
        self._answers = Gathered(self._ask_for_all, most)

    async def of(self, uow: AnalyticsUnitOfWork, product_ids: Collection[str]) -> Mapping[str, T]:
        """Return what is known of the products, in their order."""
        return await self._answers((uow, product_ids)) if product_ids else {}

    async def _ask_for_all(self, asked: Sequence[Asked]) -> list[Mapping[str, T]]:
        uow, _ = asked[0]
        found = await self._ask(uow, {id for _, ids in asked for id in ids})
        return [{id: found[id] for id in ids if id in found} for _, ids in asked]
