"""One life of a group member, from its start to its failure or the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError

from shop_events import metrics
from shop_events.batch_handling import BatchHandler
from shop_events.consuming import ClientStuckError, behind
from shop_events.partitions import Buffers, Watermarks
from shop_events.retrier import Retrier
from shop_events.waiting import first_of, wait_for

_BATCH = 200
_POLL_MS = 500
_POLL_MS_WHILE_PAUSED = 20
_DRAIN_SECONDS = 8.0
_COMMITTED_WITHIN = 15.0
_LAST_COMMIT_WITHIN = 3.0
_REJOINED_WITHIN = 60.0  # twice what the group waits for its slowest member
_LONG_POLL = 1.0  # questions wait in line behind the fetch that is under way

log = structlog.get_logger(__name__)


class ConsumerRun(ConsumerRebalanceListener):  # type: ignore[misc]
    """Fetches, handles, commits, tries again what failed, and watches over the client.

    Args:
        handler: brings batches to their end.
        retrier: works off what was set aside.
        group: the consumer group, for metrics and logs.
        hands: most batches at a time.
        stuck_after: seconds without anything new before the client is asked whether it is stuck.
        progressed: called after each commit of offsets.
    """

    def __init__(
        self,
        handler: BatchHandler,
        retrier: Retrier,
        group: str,
        *,
        hands: int,
        stuck_after: float,
        progressed: Callable[[], None],
    ) -> None:
        self._handler = handler
        self._retrier = retrier
        self._group = group
        self._hands = hands
        self._stuck_after = stuck_after
        self._progressed = progressed
        self._buffers = Buffers()
        self._watermarks = Watermarks()
        self._generation = 0
        self._taking = True
        self._work = asyncio.Event()
        self._done = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()
        self._came_at = time.monotonic()
        self._outside_since: float | None = None

    async def until(self, stop: asyncio.Event, client: AIOKafkaConsumer) -> None:
        """Work until ``stop`` is set, then finish the batches in hand.

        Raises:
            ClientStuckError: the client has to be built anew.
        """
        self._client = client
        hands = [self._handle_all() for _ in range(self._hands)]
        try:
            await first_of(
                self._finish_after(stop),
                self._fetch(),
                self._commit_all(),
                self._retrier.run(),
                self._watch(),
                *hands,
            )
        finally:
            metrics.forget_lag(self._group)

    async def _finish_after(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._taking = False
        await self._drain()

    async def on_partitions_revoked(self, revoked: list[TopicPartition]) -> None:
        """Let the batches in hand finish and commit, within a bound; the rest will be fetched again."""
        self._taking = False
        self._outside()
        self._buffers.clear()
        await self._drain()
        if revoked:
            metrics.REBALANCES.labels(self._group).inc()

    async def on_partitions_assigned(self, assigned: list[TopicPartition]) -> None:
        """Begin with what the group has committed; what is still in hand belongs to the past."""
        self._generation += 1
        self._watermarks.clear()
        self._came_at = time.monotonic()
        self._outside_since = None
        self._taking = True

    def _outside(self) -> None:
        """Note that the group does not take us for a member, from now on at the latest."""
        self._outside_since = self._outside_since or time.monotonic()

    async def _drain(self) -> None:
        await wait_for(self._settled, _DRAIN_SECONDS)
        with suppress(Exception):
            await self._commit(_LAST_COMMIT_WITHIN)

    async def _fetch(self) -> None:
        # Nothing fetched before a rebalance arrives after it: the client hands out nothing in between, and
        # drops what it holds. So what is buffered belongs to the assignment there is.
        while True:
            # What is paused is resumed between two polls: a long one would let the hands run dry.
            wait = _POLL_MS_WHILE_PAUSED if self._client.paused() else _POLL_MS
            fetched = await self._client.getmany(timeout_ms=wait, max_records=500)
            if fetched:
                self._buffers.add(fetched)
                self._came_at = time.monotonic()
            if len(self._buffers):
                self._work.set()
            self._balance()

    def _balance(self) -> None:
        assigned = self._client.assignment()
        paused = self._client.paused()
        if full := (self._buffers.full() & assigned) - paused:
            self._client.pause(*full)
        if thirsty := self._buffers.thirsty(paused & assigned):
            self._client.resume(*thirsty)

    async def _handle_all(self) -> None:
        while True:
            await self._work.wait()
            records = self._take()
            if not records:
                self._work.clear()
                continue
            generation = self._generation
            try:
                await self._handler.handle(records)
                if generation == self._generation:
                    self._watermarks.done(records)
                    self._done.set()
            finally:
                self._put_down(records)

    def _take(self) -> list[ConsumerRecord]:
        if not self._taking or self._retrier.overloaded:
            return []
        records = self._buffers.take(_BATCH)
        if records:
            self._settled.clear()
        return records

    def _put_down(self, records: Sequence[ConsumerRecord]) -> None:
        self._buffers.put_down(records)
        self._work.set()
        if not self._buffers.in_hand:
            self._settled.set()

    async def _commit_all(self) -> None:
        while True:
            await self._done.wait()
            self._done.clear()
            await self._commit(_COMMITTED_WITHIN)

    async def _commit(self, within: float) -> None:
        offsets = self._watermarks.take(self._client.assignment())
        if not offsets:
            return
        generation = self._generation
        try:
            async with asyncio.timeout(within):
                await self._client.commit(offsets)
        except (CommitFailedError, IllegalStateError):
            log.info("partitions went elsewhere before the commit and are read again", group=self._group)
            if generation == self._generation:
                self._outside()
        except TimeoutError as error:
            raise ClientStuckError("offsets are not committed") from error
        else:
            self._outside_since = None if self._taking else self._outside_since
            self._progressed()

    async def _watch(self) -> None:
        """Measure the lag; fail when nothing comes that there is, or the group forgot us."""
        while True:
            await asyncio.sleep(self._stuck_after / 3)
            if self._outside_since and time.monotonic() - self._outside_since > _REJOINED_WITHIN:
                raise ClientStuckError("the group has not taken it back")
            unfetched = await behind(self._client, self._stuck_after + _LONG_POLL)
            unfinished = self._buffers.unfinished()
            metrics.lag(self._group, unfetched, unfinished, self._buffers.oldest())
            quiet = time.monotonic() - self._came_at
            waiting = [place for place, count in unfetched.items() if count and not unfinished.get(place)]
            if waiting and quiet > self._stuck_after and not unfinished:
                raise ClientStuckError("there is something to fetch and nothing comes")
