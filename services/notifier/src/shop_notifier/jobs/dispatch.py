"""The dispatcher: keeps one channel's queue empty, several sends in flight at once.

Between its two transactions, the claim and the record of what came of it, stands one call of the provider. A
process that dies in between leaves a claim behind, which :mod:`shop_notifier.jobs.settle` finds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from prometheus_client import Counter
from pymongo.errors import PyMongoError

from shop_events.waiting import wait_for
from shop_notifier.application import dispatch
from shop_notifier.application.dispatch import Letter, Report
from shop_notifier.domain.notifications import Channel
from shop_notifier.domain.sending import Lost, NotTaken, Outcome, Provider, Refused
from shop_notifier.store.unit_of_work import Transact

SENDS = Counter("notifier_sends_total", "Sends tried, by what came of them", ["channel", "outcome"])

_RECORD_AGAIN_SECONDS = 0.5

log = structlog.get_logger("shop_notifier.dispatch")


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a dispatcher goes.

    Args:
        concurrency: most sends in flight.
        settle_within: how long an unknown outcome may stay unknown.
        idle: longest time between two looks at the queue when nobody wakes the dispatcher.
    """

    concurrency: int
    settle_within: timedelta
    idle: timedelta = timedelta(seconds=2)


class Bell:
    """Rung when something was queued; wakes the dispatchers of this process, if it has any."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` at each ring from now on."""
        self._listeners.append(listener)

    def ring(self) -> None:
        """Call all who listen."""
        for listener in self._listeners:
            listener()


class Dispatcher:
    """Sends what is queued on one channel until it is told to stop; then it waits for what is in flight."""

    def __init__(self, channel: Channel, provider: Provider, transact: Transact, pace: Pace) -> None:
        self._channel = channel
        self._provider = provider
        self._transact = transact
        self._pace = pace
        self._free = asyncio.Semaphore(pace.concurrency)
        self._reports: asyncio.Queue[Report] = asyncio.Queue()
        self._sending: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._closed_until = datetime.min.replace(tzinfo=UTC)

    def wake(self) -> None:
        """Look at the queue now: something was put into it."""
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set, then record what is still in flight."""
        async with asyncio.TaskGroup() as group:
            recorder = group.create_task(self._record_forever())
            group.create_task(self._wake_on(stop))
            while not stop.is_set():
                await self._turn(stop)
            await asyncio.gather(*self._sending)
            await self._reports.join()
            recorder.cancel()

    async def _wake_on(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._wake.set()

    async def _turn(self, stop: asyncio.Event) -> None:
        """Claim as many as there is room for and start sending them; rest when there is nothing to do."""
        self._wake.clear()
        if stop.is_set():
            return
        if (closed := _seconds_until(self._closed_until)) > 0:
            await wait_for(self._wake, closed)
            return
        try:
            if not await self._start_some():
                await wait_for(self._wake, await self._seconds_idle())
        except PyMongoError as error:
            log.warning("cannot claim", channel=self._channel, error=type(error).__name__)
            await wait_for(stop, self._pace.idle.total_seconds())

    async def _start_some(self) -> int:
        """Start sending what is due, as far as there is room, and return how many."""
        room = await self._room()
        letters: list[Letter] = []
        try:
            letters = await self._transact(dispatch.claim, self._channel, room)
        finally:
            for _ in range(room - len(letters)):
                self._free.release()
        for letter in letters:
            task = asyncio.create_task(self._send(letter))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
        return len(letters)

    async def _room(self) -> int:
        """Take all free places, a quarter at least so that claims come in batches, and return how many."""
        room = max(1, self._pace.concurrency // 4)
        for _ in range(room):
            await self._free.acquire()
        while not self._free.locked():
            await self._free.acquire()
            room += 1
        return room

    async def _seconds_idle(self) -> float:
        """Return how long there is certainly nothing to do unless somebody wakes us."""
        due = await self._transact.read(dispatch.next_due, self._channel)
        idle = self._pace.idle.total_seconds()
        return idle if due is None else min(idle, max(_seconds_until(due), 0.005))

    async def _send(self, letter: Letter) -> None:
        try:
            outcome = await self._outcome(letter)
        finally:
            self._free.release()
        SENDS.labels(self._channel, type(outcome).__name__).inc()
        if isinstance(outcome, NotTaken):
            self._leave_alone(outcome, letter)
        await self._reports.put(Report(letter.notification_id, letter.claim_id, outcome))

    async def _outcome(self, letter: Letter) -> Outcome:
        if isinstance(letter.message, Refused):
            return letter.message
        try:
            return await self._provider.send(letter.message)
        except Exception as error:
            # Its text may quote an address.
            log.error("provider adapter failed", channel=self._channel, error=type(error).__name__)
            return Lost("adapter_failed")

    def _leave_alone(self, outcome: NotTaken, letter: Letter) -> None:
        delay = dispatch.retry_delay(letter.deferrals, outcome.retry_after)
        self._closed_until = max(self._closed_until, datetime.now(UTC) + delay)
        log.warning(
            "provider does not take more",
            channel=self._channel,
            reason=outcome.reason,
            seconds=delay.total_seconds(),
        )

    async def _record_forever(self) -> None:
        """Write reports down, all that wait in one transaction."""
        while True:
            reports = [await self._reports.get()]
            while not self._reports.empty():
                reports.append(self._reports.get_nowait())
            try:
                await self._record(reports)
            finally:
                for _ in reports:
                    self._reports.task_done()

    async def _record(self, reports: Sequence[Report]) -> None:
        while True:
            try:
                return await self._transact(dispatch.record, reports, self._pace.settle_within)
            except PyMongoError as error:
                log.error("cannot record", channel=self._channel, error=type(error).__name__)
            await asyncio.sleep(_RECORD_AGAIN_SECONDS)


def _seconds_until(moment: datetime) -> float:
    return (moment - datetime.now(UTC)).total_seconds()
