"""Is the process alive, may it be given work, and how does it do: /health/live, /health/ready, /metrics."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

Check = Callable[[], bool | Awaitable[bool]]

LOOP_LAG = Gauge("event_loop_lag_seconds", "How late the event loop woke a sleeper, last measured")
READY = Gauge("process_ready", "1 when the process may be given work")

log = structlog.get_logger("shop_chassis.health")


class Readiness:
    """Knows named conditions of being ready, and which of them do not hold.

    Checks run at the same time, each within ``patience`` seconds; the finding is kept for ``keep`` seconds,
    so that asking often costs nothing. A check that raises or takes too long does not hold.
    """

    def __init__(self, *, patience: float = 2, keep: float = 1) -> None:
        self._checks: dict[str, Check] = {}
        self._reasons: dict[str, Callable[[], str | None]] = {}
        self._patience = patience
        self._keep = keep
        self._found: list[str] = []
        self._until = 0.0
        self._asking = asyncio.Lock()
        self._stopping = False

    def require(self, name: str, check: Check, why: Callable[[], str | None] = lambda: None) -> None:
        """Be ready only while ``check`` says so; ``why`` may say what is wrong when it does not."""
        self._checks[name] = check
        self._reasons[name] = why

    def stop(self) -> None:
        """Be not ready from now on: the process is ending."""
        self._stopping = True

    async def missing(self) -> list[str]:
        """Return the names of the conditions that do not hold, with reasons; none means ready."""
        if self._stopping:
            return ["stopping"]
        async with self._asking:
            if time.monotonic() >= self._until:
                self._found = await self._ask()
                self._until = time.monotonic() + self._keep
                READY.set(not self._found)
        return self._found

    async def _ask(self) -> list[str]:
        holds = await asyncio.gather(*map(self._holds, self._checks.values()))
        missing = (name for name, held in zip(self._checks, holds, strict=True) if not held)
        return [f"{name} ({why})" if (why := self._reasons[name]()) else name for name in missing]

    async def _holds(self, check: Check) -> bool:
        try:
            async with asyncio.timeout(self._patience):
                answer = check()
                return await answer if inspect.isawaitable(answer) else answer
        except Exception as error:
            log.debug("readiness check failed", error=type(error).__name__)
            return False


def health_routes(readiness: Readiness) -> list[BaseRoute]:
    """Return the routes that tell about the process; the gateway does not lead to them."""

    async def live(_: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def ready(_: Request) -> Response:
        missing = await readiness.missing()
        if missing:
            return JSONResponse({"status": "not ready", "missing": missing}, 503)
        return JSONResponse({"status": "ready", "missing": []})

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return [
        Route("/health/live", live, include_in_schema=False),
        Route("/health/ready", ready, include_in_schema=False),
        Route("/metrics", metrics, include_in_schema=False),
    ]


async def measure_loop_lag(stop: asyncio.Event, every: float = 0.5) -> None:
    """Keep the gauge of the event loop's lag up to date until ``stop``."""
    while not stop.is_set():
        started = time.perf_counter()
        await asyncio.sleep(every)
        LOOP_LAG.set(max(0.0, time.perf_counter() - started - every))
