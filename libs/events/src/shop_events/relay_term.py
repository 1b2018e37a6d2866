"""One relay's time as the one that publishes: read, publish and save at the same time, each in order.

Saving waits for a moment in which more is published, because it is on nobody's way: what a crash leaves
unsaved is published again under the same ids.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from shop_events.outbox_feed import LARGEST_PAGE, OutboxFeed, Page, Row, Token
from shop_events.waiting import first_of

_SAVE_EVERY = 0.05
_TOKEN_EVERY = 60.0
_FINISHED_WITHIN = 5.0

Publish = Callable[[Page], Awaitable[list[Row]]]
Save = Callable[[Sequence[Row], Token], Awaitable[None]]


class Pages:
    """Pages on their way from one task to the next, which gets all there is as one page.

    Args:
        most: as long as this many rows wait, no more are taken.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._rows: list[Row] = []
        self._newest: Page | None = None
        self._taker_is_free = True
        self._hurry = False
        self._changed = asyncio.Condition()

    async def put(self, page: Page) -> None:
        """Add a page, once there is room for it."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._rows) < self._most)
            self._rows += page.rows
            self._newest = page
            self._changed.notify_all()

    async def take(self, linger: float = 0) -> Page:
        """Remove and return everything; wait for the first page, and ``linger`` seconds more for others."""
        async with self._changed:
            self._taker_is_free = True
            self._changed.notify_all()
            await self._changed.wait_for(lambda: self._newest is not None)
            if linger:
                with suppress(TimeoutError):
                    async with asyncio.timeout(linger):
                        await self._changed.wait_for(lambda: self._hurry or len(self._rows) >= self._most)
            assert self._newest is not None
            page = Page(self._rows, self._newest.token, self._newest.until)
            self._rows, self._newest, self._taker_is_free = [], None, False
            self._changed.notify_all()
            return page

    async def emptied(self) -> None:
        """Wait until all was taken and the taker asks for more; it does not linger from now on."""
        async with self._changed:
            self._hurry = True
            self._changed.notify_all()
            await self._changed.wait_for(lambda: self._newest is None and self._taker_is_free)


class Term:
    """Publishes what ``feed`` gives until something fails or the relay is told to stop.

    Args:
        feed: the open outbox.
        publish: makes a page's rows visible in their topics, all or none; returns those that are to be
            forgotten now.
        save: forgets published rows and remembers the place after them.
    """

    def __init__(self, feed: OutboxFeed, publish: Publish, save: Save) -> None:
        self._feed = feed
        self._publish = publish
        self._save = save
        self._unpublished = Pages(LARGEST_PAGE)
        self._unsaved = Pages(4 * LARGEST_PAGE)

    async def run(self, stop: asyncio.Event, *beside: Awaitable[Any]) -> None:
        """Work until ``stop``, then finish what is in hand; ``beside`` runs along, and may fail it."""
        await first_of(self._read_until(stop), self._publish_all(), self._save_all(), *beside)

    async def _read_until(self, stop: asyncio.Event) -> None:
        await first_of(self._read(), stop.wait())
        with suppress(TimeoutError):
            async with asyncio.timeout(_FINISHED_WITHIN):
                await self._unpublished.emptied()
                await self._unsaved.emptied()

    async def _read(self) -> None:
        # An outbox in which nothing happens is not forgotten by the oplog if its place moves along.
        loop = asyncio.get_running_loop()
        told = loop.time()
        while True:
            page = await self._feed.next()
            if page.rows or loop.time() - told > _TOKEN_EVERY:
                await self._unpublished.put(page)
                told = loop.time()

    async def _publish_all(self) -> None:
        while True:
            page = await self._unpublished.take()
            published = await self._publish(page) if page.rows else []
            await self._unsaved.put(Page(published, page.token, page.until))

    async def _save_all(self) -> None:
        while True:
            page = await self._unsaved.take(linger=_SAVE_EVERY)
            await self._save(page.rows, page.token)
