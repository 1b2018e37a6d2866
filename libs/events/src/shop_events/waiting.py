"""Waiting for an event, a stop or a time, whichever comes first."""

from __future__ import annotations

import asyncio
from contextlib import suppress


async def wait_for(event: asyncio.Event, seconds: float) -> bool:
    """Wait until ``event`` is set or ``seconds`` are over; say whether it is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


class Backoff:
    """Growing pauses between attempts, from ``first`` seconds up to ``most``."""

    def __init__(self, first: float = 0.1, most: float = 10.0) -> None:
        self._first, self._most, self._next = first, most, first

    async def pause(self, stop: asyncio.Event) -> None:
        """Wait for the next pause, or until ``stop`` is set."""
        await wait_for(stop, self._next)
        self._next = min(self._next * 2, self._most)

    def reset(self) -> None:
        """Begin with the shortest pause again: something worked."""
        self._next = self._first
