"""The consumer: reads a group's topics and hands them to its handlers in small batches, one transaction each.

Fetching and handling are two tasks: the first never stops polling (so the group never loses a member to a
slow handler), the second takes what is there. Offsets are committed per partition after the transaction; a
crash in between costs a redelivery, which the inbox recognises.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from pymongo.asynchronous.database import AsyncDatabase

from shop_events import metrics
from shop_events.deliveries import read
from shop_events.handlers import Subscriptions
from shop_events.kafka import KafkaSettings
from shop_events.partitions import Buffers, offsets_after
from shop_events.retrier import Retrier
from shop_events.settling import Settler
from shop_events.unit_of_work import Transactor, is_transient
from shop_events.waiting import Backoff, wait_for

_BATCH = 100
_POLL_MS = 500
_DRAIN_SECONDS = 8.0
_STUCK_SECONDS = 30.0

log = structlog.get_logger(__name__)


class ConsumerStuckError(Exception):
    """There is something to read and nothing arrives: the client has to be built anew."""


class Consumer:
    """Runs one group's subscriptions until told to stop.

    Args:
        db: the service's database, which also holds the inbox and the parked events.
        kafka: where the topics are.
        subscriptions: what to read and what to do about it.
        transact: opens units of work on ``db``.
        most_parked: so many waiting keys pause the consumer (DESIGN: the trouble is elsewhere).
        session_timeout: after so long without a sign of life the group gives this member's partitions away.
    """

    def __init__(
        self,
        db: AsyncDatabase[Any],
        kafka: KafkaSettings,
        subscriptions: Subscriptions,
        transact: Transactor[Any],
        *,
        most_parked: int = 1000,
        session_timeout: timedelta = timedelta(seconds=10),
    ) -> None:
        self._kafka = kafka
        self._subscriptions = subscriptions
        self._transact = transact
        self._retrier = Retrier(db, transact, subscriptions, most_parked)
        self._session_ms = int(session_timeout.total_seconds() * 1000)
        self.healthy = False

    @property
    def ready(self) -> bool:
        """Say whether events are being taken."""
        return not self._subscriptions.topics or (self.healthy and not self._retrier.overloaded)

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until ``stop`` is set. Failures are logged, counted and tried again with growing pauses."""
        if not self._subscriptions.topics:
            await stop.wait()
            return
        backoff = Backoff()
        while not stop.is_set():
            try:
                await self._consume(stop, backoff)
            except Exception as error:
                self.healthy = False
                reason = type(error).__name__
                metrics.CONSUMER_FAILURES.labels(self._subscriptions.group, reason).inc()
                log.warning("consumer starts again", reason=reason, detail=str(error)[:200])
                await backoff.pause(stop)

    async def _consume(self, stop: asyncio.Event, backoff: Backoff) -> None:
        client = AIOKafkaConsumer(
            **self._kafka.connection(),
            group_id=self._kafka.named(self._subscriptions.group),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            session_timeout_ms=self._session_ms,
            heartbeat_interval_ms=self._session_ms // 5,
            metadata_max_age_ms=30_000,
            rebalance_timeout_ms=30_000,
        )
        run = _Run(client, self._subscriptions, self._kafka, self._transact, self._retrier)
        client.subscribe([self._kafka.named(topic) for topic in self._subscriptions.topics], listener=run)
        try:
            await client.start()
            self.healthy = True
            backoff.reset()
            await run.until(stop)
        finally:
            with suppress(Exception):
                async with asyncio.timeout(_DRAIN_SECONDS):
                    await client.stop()


class _Run(ConsumerRebalanceListener):  # type: ignore[misc]
    """One life of a Kafka client, from its start to its failure or the end."""

    def __init__(
        self,
        client: AIOKafkaConsumer,
        subscriptions: Subscriptions,
        kafka: KafkaSettings,
        transact: Transactor[Any],
        retrier: Retrier,
    ) -> None:
        self._client = client
        self._subscriptions = subscriptions
        self._group = subscriptions.group
        self._kafka = kafka
        self._retrier = retrier
        self._settler = Settler(transact, subscriptions.group, retrier.wake)
        self._buffers = Buffers()
        self._generation = 0
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._progress_at = time.monotonic()
        self._stopping = False

    async def until(self, stop: asyncio.Event) -> None:
        """Fetch, handle and retry until ``stop`` is set, then finish the batch in hand."""
        works = [self._fetch(), self._handle_all(), self._retrier.run(), self._watch_progress()]
        tasks = [asyncio.create_task(work) for work in works]
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([*tasks, stopped], return_when=asyncio.FIRST_COMPLETED)
            self._stopping = True
            await wait_for(self._idle, _DRAIN_SECONDS)
        finally:
            for task in (*tasks, stopped):
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def on_partitions_revoked(self, revoked: list[TopicPartition]) -> None:
        """Let the batch in hand finish and commit, within a bound; the rest will be fetched again."""
        self._generation += 1
        self._buffers.clear()
        await wait_for(self._idle, _DRAIN_SECONDS)
        metrics.REBALANCES.labels(self._group).inc()

    async def on_partitions_assigned(self, assigned: list[TopicPartition]) -> None:
        """Begin with what the group has committed."""
        self._generation += 1
        self._buffers.clear()
        self._progress_at = time.monotonic()

    async def _fetch(self) -> None:
        while True:
            generation = self._generation
            fetched = await self._client.getmany(timeout_ms=_POLL_MS, max_records=500)
            if generation != self._generation:
                await self._rewind()
                continue
            if fetched:
                self._buffers.add(fetched)
                self._progress_at = time.monotonic()
                self._arrived.set()
            self._balance()

    def _balance(self) -> None:
        assigned = self._client.assignment()
        paused = self._client.paused()
        if full := (self._buffers.full() & assigned) - paused:
            self._client.pause(*full)
        if thirsty := self._buffers.thirsty(paused & assigned):
            self._client.resume(*thirsty)

    async def _rewind(self) -> None:
        """Go back to what is committed: records of an older assignment must not meet those of the new one."""
        self._buffers.clear()
        for partition in self._client.assignment():
            with suppress(IllegalStateError):
                committed = await self._client.committed(partition)
                if committed is None:
                    await self._client.seek_to_beginning(partition)
                else:
                    self._client.seek(partition, committed)

    async def _handle_all(self) -> None:
        while True:
            await self._arrived.wait()
            if self._retrier.overloaded:
                log.error("too many keys are parked: not taking more", group=self._group)
                await asyncio.sleep(1)
                continue
            records = [] if self._stopping else self._buffers.take(_BATCH)
            if not records:
                self._arrived.clear()
                continue
            self._idle.clear()
            try:
                await self._handle(records)
            finally:
                self._idle.set()

    async def _handle(self, records: Sequence[ConsumerRecord]) -> None:
        deliveries = read(records, self._subscriptions, self._kafka)
        backoff = Backoff()
        while True:
            try:
                with metrics.BATCH_SECONDS.labels(self._group).time():
                    await self._settler.settle(deliveries)
                break
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("MongoDB failed, the batch waits", reason=type(error).__name__)
                await backoff.pause(asyncio.Event())
        await self._commit(records)

    async def _commit(self, records: Sequence[ConsumerRecord]) -> None:
        after = offsets_after(records)
        mine = {place: offset for place, offset in after.items() if place in self._client.assignment()}
        if not mine:
            return
        try:
            await self._client.commit(mine)
        except (CommitFailedError, IllegalStateError):
            log.info(
                "partitions went elsewhere before the commit; they will be read again", group=self._group
            )

    async def _watch_progress(self) -> None:
        """Fail when there is something to fetch and nothing has come for a while."""
        while True:
            await asyncio.sleep(_STUCK_SECONDS / 3)
            quiet = time.monotonic() - self._progress_at
            if quiet > _STUCK_SECONDS and not len(self._buffers) and self._idle.is_set():
                await self._assert_nothing_to_fetch()

    async def _assert_nothing_to_fetch(self) -> None:
        partitions = list(self._client.assignment() - self._client.paused())
        if not partitions:
            return
        try:
            async with asyncio.timeout(_STUCK_SECONDS):
                ends = await self._client.end_offsets(partitions)
                positions = {place: await self._client.position(place) for place in partitions}
        except (KafkaError, TimeoutError) as error:
            raise ConsumerStuckError(self._group) from error
        behind = [place for place in partitions if positions[place] < ends[place]]
        if behind and time.monotonic() - self._progress_at > _STUCK_SECONDS:
            raise ConsumerStuckError(self._group)
