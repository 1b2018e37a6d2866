"""Server-sent events as a client reads them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx


@dataclass
class Told:
    """An event as it arrived."""

    event: str = "message"
    id: str = ""
    data: dict[str, Any] = field(default_factory=dict)


@dataclass
class Listener:
    """Reads one stream."""

    answer: httpx.Response
    beats: int = 0

    def __post_init__(self) -> None:
        self._events = self._read()

    async def _read(self) -> AsyncIterator[Told]:
        told = Told()
        async for line in self.answer.aiter_lines():
            name, _, value = line.partition(": ")
            if not line and told.id:
                yield told
            if not line:
                told = Told()
            elif name == "data":
                told.data = json.loads(value)
            elif name in ("event", "id"):
                setattr(told, name, value)
            elif line.startswith(":"):
                self.beats += 1

    async def next(self, seconds: float = 10) -> Told:
        return await asyncio.wait_for(anext(self._events), seconds)

    async def rest(self, seconds: float = 10) -> list[Told]:
        """Read to the end."""
        async with asyncio.timeout(seconds):
            return [told async for told in self._events]
