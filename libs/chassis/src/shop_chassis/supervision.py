"""Keeps the parts of a process running: what dies is started again, later and later."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog
from prometheus_client import Counter

from shop_events.waiting import Backoff

DEATHS = Counter("part_deaths_total", "Times a part of the process ended without being told to", ["part"])

_STEADY_SECONDS = 60.0

log = structlog.get_logger("shop_chassis.supervision")


@dataclass(eq=False)
class Part:
    """Something that runs for as long as the process does.

    Args:
        name: in logs, metrics and the list of what is not ready.
        run: returns soon after its argument is set, and not before.
        ready: whether the process may be given work as far as this part is concerned.
        why: what to add to the name when it is not ready, if there is something to say.
        outlived: whether what it gathered is still good while it is down, so that ``ready`` counts alone.
    """

    name: str
    run: Callable[[asyncio.Event], Awaitable[None]]
    ready: Callable[[], bool] = lambda: True
    why: Callable[[], str | None] = lambda: None
    outlived: bool = False
    running: bool = field(default=False, init=False)

    def is_ready(self) -> bool:
        """Say whether the process may be given work as far as this part is concerned."""
        return (self.running or self.outlived) and self.ready()


async def supervise(part: Part, stop: asyncio.Event, backoff: Backoff | None = None) -> None:
    """Run ``part`` until ``stop`` is set; start it again with growing pauses whenever it ends before."""
    backoff = backoff or Backoff(first=0.5, most=30)
    while not stop.is_set():
        started = time.monotonic()
        await _live(part, stop)
        if stop.is_set():
            return
        DEATHS.labels(part.name).inc()
        if time.monotonic() - started > _STEADY_SECONDS:
            backoff.reset()
        await backoff.pause(stop)


async def _live(part: Part, stop: asyncio.Event) -> None:
    part.running = True
    try:
        await part.run(stop)
        if not stop.is_set():
            log.error("part ended", part=part.name)
    except Exception:
        log.exception("part died", part=part.name)
    finally:
        part.running = False
