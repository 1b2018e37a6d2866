"""Time as an input: work done every so often, by one process of the service at a time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import structlog
from prometheus_client import Counter, Histogram
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from shop_events.lease import Lease, LeaseLost
from shop_events.spans import begun
from shop_events.waiting import end, wait_for

RUNS = Counter(
    "job_runs_total", "Ticks of a job: done, failed, or left to another process", ["job", "outcome"]
)
DURATION = Histogram("job_duration_seconds", "Time one run of a job took", ["job"])

_FIRST_WITHIN = 2.0
_ASK_AGAIN = 1.0

log = structlog.get_logger("shop_chassis.jobs")


@dataclass(eq=False)
class Job:
    """Work that is done every so often.

    Args:
        name: in logs, metrics and the name of the lease.
        every: time between the end of one run and the next, give or take a tenth.
        run: the work. It must bear being repeated, for it can be cut off anywhere; it returns True when there
            is more to do at once.
        timeout: longest time of one run.
    """

    name: str
    every: timedelta
    run: Callable[[], Awaitable[bool | None]]
    timeout: timedelta = timedelta(minutes=5)
    _awake: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def wake(self) -> None:
        """Run soon, whatever the time. Waking a job that is running makes it run once more."""
        self._awake.set()

    async def due(self, seconds: float) -> bool:
        """Wait until the time is over or somebody wakes the job; say whether somebody did."""
        woken = await wait_for(self._awake, seconds)
        self._awake.clear()
        return woken


class JobRunner:
    """Runs the jobs of a service until told to stop.

    Args:
        db: the service's database, where the leases are.
        jobs: what to run.
        holder: name of this process.
        lease_ttl: how long after a crash another process may go on with a job.
    """

    def __init__(
        self,
        db: AsyncDatabase[Any],
        jobs: Sequence[Job],
        holder: str,
        lease_ttl: timedelta = timedelta(seconds=15),
    ) -> None:
        self._db = db
        self._jobs = jobs
        self._holder = holder
        self._ttl = lease_ttl

    async def run(self, stop: asyncio.Event) -> None:
        """Run every job in its own time until ``stop`` is set; runs in hand are finished."""
        async with asyncio.TaskGroup() as group:
            for job in self._jobs:
                group.create_task(self._repeat(job, stop), name=f"job {job.name}")
            await stop.wait()
            for job in self._jobs:
                job.wake()

    async def _repeat(self, job: Job, stop: asyncio.Event) -> None:
        every = job.every.total_seconds()
        pause = random.uniform(0, min(every, _FIRST_WITHIN))  # noqa: S311
        while not stop.is_set():
            woken = await job.due(pause)
            if stop.is_set():
                return
            with begun(f"job {job.name}"):
                outcome = await self._tick(job)
            pause = every * random.uniform(0.9, 1.1)  # noqa: S311
            if outcome == "more":
                pause = 0
            elif outcome == "elsewhere" and woken:
                job.wake()  # the run elsewhere may have begun before what we were woken for
                await wait_for(stop, min(every, _ASK_AGAIN))

    async def _tick(self, job: Job) -> str:
        """Run the job if no other process does; say how that went. Nothing is raised."""
        lease = Lease(self._db, f"job-{job.name}", self._holder, self._ttl)
        outcome = "failed"
        try:
            if not await lease.acquire():
                outcome = "elsewhere"
            else:
                with DURATION.labels(job.name).time():
                    outcome = "more" if await self._run_held(job, lease) else "done"
        except Exception as error:
            log.error("job failed", job=job.name, exc_info=_cause(error))
        RUNS.labels(job.name, outcome).inc()
        return outcome

    async def _run_held(self, job: Job, lease: Lease) -> bool:
        """Run the job while the lease holds.

        Raises:
            ExceptionGroup: with the job's own error, or LeaseLost.
            TimeoutError: it took too long.
        """
        try:
            async with asyncio.timeout(job.timeout.total_seconds()), asyncio.TaskGroup() as group:
                keeper = group.create_task(self._keep(lease))
                more = await job.run()
                await end([keeper])
            return bool(more)
        finally:
            with suppress(PyMongoError):
                await lease.release()

    async def _keep(self, lease: Lease) -> None:
        while True:
            await asyncio.sleep(self._ttl.total_seconds() / 3)
            if not await lease.renew():
                raise LeaseLost


def _cause(error: Exception) -> BaseException:
    return error.exceptions[0] if isinstance(error, ExceptionGroup) else error
