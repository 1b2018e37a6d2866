"""Threads of its own for each provider: a slow one fills its own, and nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Threads:
    """Runs blocking calls, at most ``size`` of them at once."""

    def __init__(self, name: str, size: int) -> None:
        self._pool = ThreadPoolExecutor(size, thread_name_prefix=name)

    async def run(self, call: Callable[[], T]) -> T:
        """Return what ``call`` returns in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    def close(self) -> None:
        """Start nothing more; what runs comes to its own end."""
        self._pool.shutdown(wait=False, cancel_futures=True)
