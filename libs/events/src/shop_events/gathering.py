"""What many ask for at the same time is done in one go: group commit, and its counterpart for reading."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Gathered(Generic[T, R]):
    """Calls ``work`` with everything that came up while its last call was under way.

    Whoever is waiting gets the result of a call that began after they asked.

    Args:
        work: takes items and returns one result each, in their order; what it raises is raised to all.
        most: largest number of items of one call.
        idle: called when nobody waits any more, whether or not they stayed for the result.
    """

    def __init__(
        self,
        work: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
        most: int = 500,
        idle: Callable[[], object] = lambda: None,
    ) -> None:
        self._work = work
        self._most = most
        self._idle = idle
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, item: T) -> R:
        """Return the result of ``item``."""
        return await self.soon(item)

    def soon(self, item: T) -> asyncio.Future[R]:
        """Return a future of the result of ``item``, for whoever has something else to ask meanwhile."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return future

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._settle(batch)
        finally:
            self._running = None
            self._idle()

    async def _settle(self, batch: Sequence[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            results = await self._work([item for item, _ in batch])
        except BaseException as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)
