"""What many visitors have looked for lately with success, offered to those who begin to type the same.

It is counted in the store from the searches of a day, so all processes offer the same; each holds the most
wanted in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from shop_catalog.store.unit_of_work import CatalogUnitOfWork, Transact
from shop_events.waiting import wait_for

MOST_PHRASES = 1000


class PopularSearches:
    """The most wanted phrases, counted again and again.

    Args:
        transact: where searches are kept.
        least: so many visitors must have asked the same; whatever fewer ask stays between them and the shop.
        every: the time between two counts.
    """

    def __init__(self, transact: Transact, least: int, every: timedelta) -> None:
        self._transact = transact
        self._least = least
        self._every = every.total_seconds()
        self._phrases: Sequence[str] = ()
        self.changes = 0
        """How often they have become others."""

    def beginning(self, text: str, limit: int) -> list[str]:
        """Return the most wanted phrases that go on from ``text``, which is folded as they are."""
        found = (phrase for phrase in self._phrases if phrase.startswith(text) and phrase != text)
        return [phrase for phrase, _ in zip(found, range(limit), strict=False)] if text else []

    async def count(self) -> None:
        """Count once.

        Raises:
            PyMongoError: MongoDB failed, or took too long.
        """
        phrases = await self._transact.read(_popular, self._least)
        if phrases != self._phrases:
            self._phrases = phrases
            self.changes += 1

    async def run(self, stop: asyncio.Event) -> None:
        """Count again and again until ``stop`` is set; raises what :meth:`count` does."""
        await self.count()
        while not await wait_for(stop, self._every):
            await self.count()


async def _popular(uow: CatalogUnitOfWork, least: int) -> list[str]:
    return await uow.searches.popular(least, MOST_PHRASES)
