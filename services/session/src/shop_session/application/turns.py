"""Writes of one session wait for each other in this process, instead of meeting in the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from pymongo.errors import DuplicateKeyError

T = TypeVar("T")


@dataclass
class _Queue:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    length: int = 0


class Turns:
    """Lets the holders of one key in one after the other, in the order of their coming.

    Transactions that meet on a document make each other start over, which costs more the more there are.
    Other processes are still met in the database; this only keeps the number of them small.
    """

    def __init__(self) -> None:
        self._queues: dict[str, _Queue] = {}

    async def take(self, key: str, work: Callable[[], Awaitable[T]]) -> T:
        """Run ``work`` when it is its turn; again, if another process made the same new document first."""
        async with self._turn(key):
            try:
                return await work()
            except DuplicateKeyError:
                return await work()

    @asynccontextmanager
    async def _turn(self, key: str) -> AsyncIterator[None]:
        queue = self._queues.setdefault(key, _Queue())
        queue.length += 1
        try:
            async with queue.lock:
                yield
        finally:
            queue.length -= 1
            if queue.length == 0:
                del self._queues[key]
