"""What is done about one batch: its transaction, waiting for MongoDB, setting aside what keeps failing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from aiokafka import ConsumerRecord

from shop_events import metrics
from shop_events.deliveries import read
from shop_events.handlers import Subscriptions
from shop_events.kafka import KafkaSettings
from shop_events.settling import Settler
from shop_events.unit_of_work import Transactor, is_disconnected, is_transient
from shop_events.waiting import Backoff

_PATIENCE = 2

log = structlog.get_logger(__name__)


class BatchHandler:
    """Brings batches of records to their end, whatever MongoDB and the handlers do.

    Args:
        transact: opens units of work.
        kafka: names the topics.
        subscriptions: the group and its handlers.
        parked: told whenever an event was set aside.
    """

    def __init__(
        self,
        transact: Transactor[Any],
        kafka: KafkaSettings,
        subscriptions: Subscriptions,
        parked: Callable[[], None],
    ) -> None:
        self._kafka = kafka
        self._subscriptions = subscriptions
        self._group = subscriptions.group
        self._settler = Settler(transact, subscriptions.group, parked)

    async def handle(self, records: Sequence[ConsumerRecord]) -> None:
        """Return once each record is handled, parked or a dead letter; wait for MongoDB as long as it takes.

        Raises:
            Exception: an event could not even be parked.
        """
        deliveries = read(records, self._subscriptions, self._kafka)
        if not deliveries:
            return
        backoff = Backoff()
        failures = 0
        while True:
            nobodys_fault = is_transient if failures < _PATIENCE else is_disconnected
            try:
                with metrics.BATCH_SECONDS.labels(self._group).time():
                    await self._settler.settle(deliveries, nobodys_fault)
                return
            except Exception as error:
                if not is_transient(error):
                    raise
                # A handler that goes on after its transaction was aborted, or that takes longer than MongoDB
                # lets it, looks like this too: in the end it is the event's fault unless nobody answers.
                failures += not is_disconnected(error)
                log.warning("MongoDB failed, the batch waits", reason=type(error).__name__)
                metrics.BATCH_RETRIES.labels(self._group).inc()
                await backoff.pause(asyncio.Event())
