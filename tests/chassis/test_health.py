from __future__ import annotations

import asyncio
import time

import httpx
import pytest
from starlette.applications import Starlette

from shop_chassis.health import LOOP_LAG, Readiness, health_routes, measure_loop_lag


@pytest.fixture
def readiness() -> Readiness:
    return Readiness(patience=0.05, keep=0)


@pytest.fixture
def app(readiness: Readiness) -> Starlette:
    return Starlette(routes=health_routes(readiness))


async def test_liveness_asks_nobody(client: httpx.AsyncClient, readiness: Readiness) -> None:
    def not_asked() -> bool:
        raise AssertionError("liveness must not ask")

    readiness.require("database", not_asked)
    assert (await client.get("/health/live")).status_code == 200


async def test_readiness_names_what_is_missing(client: httpx.AsyncClient, readiness: Readiness) -> None:
    async def fine() -> bool:
        return True

    async def hangs() -> bool:
        await asyncio.Event().wait()
        return True

    async def fails() -> bool:
        raise OSError("no route to 10.0.0.1")

    readiness.require("fine", fine)
    assert (await client.get("/health/ready")).status_code == 200
    readiness.require("hangs", hangs)
    readiness.require("fails", fails)
    readiness.require("no", lambda: False)
    answer = await client.get("/health/ready")
    assert (answer.status_code, answer.json()["missing"]) == (503, ["hangs", "fails", "no"])
    assert "10.0.0.1" not in answer.text


async def test_many_askers_share_one_finding() -> None:
    asked = 0

    async def check() -> bool:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        return True

    readiness = Readiness(keep=60)
    readiness.require("counted", check)
    await asyncio.gather(*(readiness.missing() for _ in range(20)))
    assert asked == 1


async def test_a_process_that_stops_is_not_ready_at_once(client: httpx.AsyncClient) -> None:
    readiness = Readiness(keep=60)
    assert await readiness.missing() == []
    readiness.stop()
    assert await readiness.missing() == ["stopping"]


async def test_a_blocked_event_loop_shows_in_the_gauge() -> None:
    stop = asyncio.Event()
    measuring = asyncio.create_task(measure_loop_lag(stop, every=0.01))
    await asyncio.sleep(0)
    time.sleep(0.1)  # noqa: ASYNC251 - this is the blocking that shows
    stop.set()
    await measuring
    assert LOOP_LAG._value.get() > 0.05
