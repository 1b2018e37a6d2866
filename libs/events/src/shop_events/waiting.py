"""Waiting for an event, a stop or a time, whichever comes first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from contextlib import suppress
from typing import Any


async def wait_for(event: asyncio.Event, seconds: float) -> bool:
    """Wait until ``event`` is set or ``seconds`` are over; say whether it is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


async def first_of(*works: Awaitable[Any]) -> None:
    """Run all until the first one ends, then cancel the others; raise what it raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def attempt(work: Coroutine[Any, Any, Any], seconds: float) -> bool:
    """Give ``work`` so many seconds; say whether it ended without an error.

    What is not done by then is cancelled and left alone: ``asyncio.timeout`` would wait for it, and clients
    swallow the cancellation and wait on.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.wait([task], timeout=seconds)
    finally:
        task.cancel()
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task.done() and not task.cancelled() and task.exception() is None


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
