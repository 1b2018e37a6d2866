"""Waiting for an event, a stop or a time, whichever comes first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Iterable
from contextlib import suppress
from typing import Any

_CANCELLED_AGAIN_AFTER = 2.0


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
        await end(tasks)
    for task in done:
        task.result()


async def end(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel ``tasks`` until each of them has ended.

    Once is not enough: before Python 3.12 ``asyncio.wait_for`` loses a cancellation that comes while what it
    waits for ends (python/cpython#86296), and the MongoDB driver calls it with each command. A loop that
    calls the driver would then run for ever.
    """
    running = set(tasks)
    for task in running:
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=_CANCELLED_AGAIN_AFTER)


class OneAhead:
    """Does one thing after the other, each while whoever asked for it makes the next one ready.

    Never more than one is under way, and none is when the block is over. The first that fails is raised where
    the next one is asked for, or at the end::

        async with OneAhead() as storing:
            for page in pages:
                await storing(store(documents_of(page)))
    """

    _task: asyncio.Task[Any] | None = None

    async def __call__(self, work: Coroutine[Any, Any, Any]) -> None:
        """Begin ``work`` once what is under way has ended."""
        try:
            await self._ended()
        except BaseException:
            work.close()
            raise
        self._task = asyncio.create_task(work)
        await asyncio.sleep(0)  # so that it is on its way

    async def __aenter__(self) -> OneAhead:
        return self

    async def __aexit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error is None:
            await self._ended()
        elif self._task is not None:
            await end([self._task])

    async def _ended(self) -> None:
        if self._task is not None:
            await self._task
            self._task = None


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
