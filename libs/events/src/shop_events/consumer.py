"""The consumer: reads a group's topics and hands them to its handlers in small batches, one transaction each.

Fetching, handling and committing are tasks of their own: the first never stops polling (so the group never
loses a member to a slow handler), the others take what is there. Several batches are handled at a time, never
two of one partition. Offsets are committed per partition after the transaction; a crash in between costs a
redelivery, which the inbox recognises.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import structlog
from pymongo.asynchronous.database import AsyncDatabase

from shop_events import metrics
from shop_events.batch_handling import BatchHandler
from shop_events.consumer_run import ConsumerRun
from shop_events.consuming import group_member
from shop_events.handlers import Subscriptions
from shop_events.kafka import KafkaSettings
from shop_events.retrier import Retrier
from shop_events.unit_of_work import Transactor
from shop_events.waiting import Backoff

log = structlog.get_logger(__name__)


class Consumer:
    """Runs one group's subscriptions until told to stop.

    Args:
        db: the service's database, which also holds the inbox and the parked events.
        kafka: where the topics are.
        subscriptions: what to read and what to do about it.
        transact: opens units of work on ``db``.
        most_parked: so many waiting keys pause the consumer (DESIGN: the trouble is elsewhere).
        hands: most batches that are handled at a time.
        session_timeout: after so long without a sign of life the group gives this member's partitions away.
        stuck_after: seconds in which nothing came before the client is asked whether it is stuck.
    """

    def __init__(
        self,
        db: AsyncDatabase[Any],
        kafka: KafkaSettings,
        subscriptions: Subscriptions,
        transact: Transactor[Any],
        *,
        most_parked: int = 1000,
        hands: int = 3,
        session_timeout: timedelta = timedelta(seconds=10),
        stuck_after: float = 30.0,
    ) -> None:
        self._kafka = kafka
        self._subscriptions = subscriptions
        self._retrier = Retrier(db, transact, subscriptions, most_parked)
        self._handler = BatchHandler(transact, kafka, subscriptions, self._retrier.parked)
        self._hands = hands
        self._session_timeout = session_timeout
        self._stuck_after = stuck_after
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
        run = ConsumerRun(
            self._handler,
            self._retrier,
            self._subscriptions.group,
            hands=self._hands,
            stuck_after=self._stuck_after,
            progressed=backoff.reset,
        )
        subscriptions = self._subscriptions
        async with group_member(
            self._kafka, subscriptions.group, subscriptions.topics, run, self._session_timeout
        ) as client:
            self.healthy = True
            try:
                await run.until(stop, client)
            finally:
                self.healthy = False
