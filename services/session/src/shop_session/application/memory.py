"""What one process knows of people's activity, as long as it is all there is to know.

Each addition to a memory in the database counts its changes. While their number is the one that this process
expects, nobody else has added anything, and what it holds need not be read again: only the number is.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Sequence

from shop_events.gathering import Gathered
from shop_session.domain.attention import News, Remembered
from shop_session.domain.owners import Owner
from shop_session.store.unit_of_work import SessionUnitOfWork, Transact

_MOST_HELD = 200_000
"""Marks and totals in all memories together; those not used for longest go first."""


class Memory:
    """Memories of activity, read and added to by many requests at a time, which share their queries."""

    def __init__(self, transact: Transact) -> None:
        self._transact = transact
        self._held: OrderedDict[str, tuple[Remembered, int]] = OrderedDict()
        self._size = 0
        self._changes = Gathered(self._ask_changes)
        self._recalled = Gathered(self._recall)
        self._kept = Gathered(self._keep)

    def changes(self, owner_id: str) -> Awaitable[int]:
        """Ask how often something was added to what is known of somebody; awaited when it is needed."""
        return self._changes.soon(owner_id)

    async def of(self, owner: Owner, changes: int) -> Remembered:
        """Return what is known of somebody who was at so many ``changes``, but for what they viewed."""
        held = self._take(owner.id)
        if held is None or held.changes != changes:
            held = await self._recalled(owner) if changes else Remembered()
        self._hold(owner.id, held)
        return held

    async def add(self, known: Remembered, news: News) -> None:
        """Remember ``news`` besides what :meth:`of` returned."""
        await self._kept(news)
        if news.cut:
            self._take(news.owner.id)
            return
        known.add(news)
        held = self._take(news.owner.id)
        if held is not None:
            self._hold(news.owner.id, held)

    def _take(self, owner_id: str) -> Remembered | None:
        held, size = self._held.pop(owner_id, (None, 0))
        self._size -= size
        return held

    def _hold(self, owner_id: str, known: Remembered) -> None:
        self._take(owner_id)
        size = len(known.told) + len(known.totals) + 1
        self._held[owner_id] = known, size
        self._size += size
        while self._size > _MOST_HELD:
            _, (_, size) = self._held.popitem(last=False)
            self._size -= size

    async def _ask_changes(self, owner_ids: Sequence[str]) -> list[int]:
        async def work(uow: SessionUnitOfWork) -> list[int]:
            return await uow.attention.changes_of(owner_ids)

        return await self._transact.read(work)

    async def _recall(self, owners: Sequence[Owner]) -> list[Remembered]:
        async def work(uow: SessionUnitOfWork) -> list[Remembered]:
            return await uow.attention.of_all(owners)

        return await self._transact.read(work)

    async def _keep(self, news: Sequence[News]) -> list[None]:
        async def work(uow: SessionUnitOfWork) -> None:
            await uow.attention.remember_all(news)

        await self._transact.read(work)
        return [None] * len(news)
