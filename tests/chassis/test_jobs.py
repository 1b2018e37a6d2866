from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from shop_chassis.jobs import Job, JobRunner
from shop_events.lease import LEASES

pytestmark = pytest.mark.integration

OFTEN = timedelta(milliseconds=5)
RARELY = timedelta(hours=1)
TTL = timedelta(seconds=3)


@pytest.fixture
async def db(mongo_url: str, database_name: str) -> AsyncIterator[AsyncDatabase[Any]]:
    async with AsyncMongoClient[Any](mongo_url) as client:
        yield client[database_name]
        await client.drop_database(database_name)


@asynccontextmanager
async def running(
    db: AsyncDatabase[Any], job: Job, holder: str = "one", ttl: timedelta = TTL
) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(JobRunner(db, [job], holder, ttl).run(stop))
    yield
    stop.set()
    await asyncio.wait_for(task, 10)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def runs(job: str, outcome: str) -> float:
    return REGISTRY.get_sample_value("job_runs_total", {"job": job, "outcome": outcome}) or 0


async def test_a_job_runs_again_and_again_and_leaves_no_lease(db: AsyncDatabase[Any]) -> None:
    ticks: list[int] = []

    async def tick() -> None:
        ticks.append(1)

    async with running(db, Job("again", OFTEN, tick)):
        await until(lambda: len(ticks) >= 3)
    assert await db[LEASES].count_documents({}) == 0


async def test_a_job_that_fails_is_counted_and_tried_again(db: AsyncDatabase[Any]) -> None:
    async def fail() -> None:
        raise RuntimeError("no")

    async with running(db, Job("failing", OFTEN, fail)):
        await until(lambda: runs("failing", "failed") >= 3)


async def test_a_job_that_hangs_is_cut_off(db: AsyncDatabase[Any]) -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    async with running(db, Job("hanging", OFTEN, hang, timeout=timedelta(milliseconds=20))):
        await until(lambda: runs("hanging", "failed") >= 2)


async def test_one_process_at_a_time_runs_a_job(db: AsyncDatabase[Any]) -> None:
    inside, most, done = 0, 0, 0

    async def tick() -> None:
        nonlocal inside, most, done
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.002)
        inside -= 1
        done += 1

    jobs = [Job("alone", OFTEN, tick) for _ in range(4)]
    async with AsyncExitStack() as stack:
        for holder, job in zip("abcd", jobs, strict=True):
            await stack.enter_async_context(running(db, job, holder))
        await until(lambda: done >= 40)
    assert most == 1


async def test_waking_a_job_makes_it_run_soon(db: AsyncDatabase[Any]) -> None:
    ticks: list[int] = []

    async def tick() -> None:
        ticks.append(1)

    job = Job("woken", RARELY, tick)
    async with running(db, job):
        for count in (1, 2):
            job.wake()
            await until(lambda count=count: len(ticks) == count)  # type: ignore[misc]


async def test_a_woken_job_waits_for_its_turn_when_another_process_runs_it(db: AsyncDatabase[Any]) -> None:
    begun, go_on, ticks = asyncio.Event(), asyncio.Event(), 0

    async def slow() -> None:
        begun.set()
        await go_on.wait()

    async def quick() -> None:
        nonlocal ticks
        ticks += 1

    first, second = Job("turns", RARELY, slow), Job("turns", RARELY, quick)
    async with running(db, first, "a"):
        first.wake()
        await asyncio.wait_for(begun.wait(), 10)
        async with running(db, second, "b"):
            second.wake()
            await until(lambda: runs("turns", "elsewhere") >= 1)
            go_on.set()
            await until(lambda: ticks == 1)


async def test_a_job_with_more_to_do_runs_at_once(db: AsyncDatabase[Any]) -> None:
    ticks = 0

    async def tick() -> bool:
        nonlocal ticks
        ticks += 1
        return ticks < 5

    job = Job("draining", RARELY, tick)
    async with running(db, job):
        job.wake()
        await until(lambda: ticks == 5)


async def test_a_job_that_lost_its_lease_is_cut_off(db: AsyncDatabase[Any]) -> None:
    begun, cut = asyncio.Event(), asyncio.Event()

    async def tick() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cut.set()

    job = Job("robbed", RARELY, tick)
    async with running(db, job, ttl=timedelta(milliseconds=60)):
        job.wake()
        await asyncio.wait_for(begun.wait(), 10)
        await db[LEASES].update_one({"_id": "job-robbed"}, {"$set": {"holder": "thief"}})
        await asyncio.wait_for(cut.wait(), 10)


async def test_a_run_in_hand_is_finished_before_the_end(db: AsyncDatabase[Any]) -> None:
    begun, finished = asyncio.Event(), False

    async def tick() -> None:
        nonlocal finished
        begun.set()
        await asyncio.sleep(0.05)
        finished = True

    job = Job("finishing", RARELY, tick)
    async with running(db, job):
        job.wake()
        await asyncio.wait_for(begun.wait(), 10)
    assert finished
