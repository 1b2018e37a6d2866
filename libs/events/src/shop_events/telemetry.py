"""Telemetry: records that change no state, produced directly and acknowledged by all in-sync replicas.

Whoever sends learns within a bounded time whether the records are in the topic. One that was given up on may
still arrive, so each record carries an id that is derived from what it tells: sending it again is no news.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import chain
from typing import Self

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from prometheus_client import Counter

from shop_events.envelope import Message
from shop_events.errors import EventError
from shop_events.gathering import Gathered
from shop_events.kafka import KafkaSettings
from shop_events.producing import LARGEST_BATCH, abandon, deliver
from shop_events.waiting import Backoff

TELEMETRY = Counter("shop_events_telemetry_total", "Telemetry records by what became of them", ["outcome"])

log = structlog.get_logger(__name__)


class TelemetryUnavailable(EventError):
    """The records were not acknowledged; whoever has them should send them again later."""


class TelemetryProducer:
    """Sends telemetry for as long as its context is open; connects with the first record.

    A client that fails or falls silent is thrown away and built anew in the background; until that worked,
    sending fails at once instead of letting everybody wait.

    Args:
        kafka: where to send.
        within: seconds until records count as not acknowledged.
        most_waiting: most records that wait for an acknowledgement at a time.
    """

    def __init__(self, kafka: KafkaSettings, *, within: float = 5.0, most_waiting: int = 20_000) -> None:
        self._kafka = kafka
        self._within = within
        self._most_waiting = most_waiting
        self._waiting = 0
        self._producer: AIOKafkaProducer | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()
        self._broken = asyncio.Event()
        self._transmitted: Gathered[Sequence[Message], None] = Gathered(self._transmit)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._keeper:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)

    async def send(self, messages: Sequence[Message]) -> None:
        """Put records into their topics; those of one key stay in order.

        Raises:
            TelemetryUnavailable: not all of them were acknowledged in time, or too many are waiting.
        """
        if self._waiting + len(messages) > self._most_waiting:
            self._count("refused", messages)
            raise TelemetryUnavailable("too many records are waiting for Kafka")
        self._waiting += len(messages)
        try:
            async with asyncio.timeout(self._within):
                await self._transmitted(messages)
        except (TimeoutError, KafkaError, TelemetryUnavailable) as error:
            self._count("failed", messages)
            raise TelemetryUnavailable(str(error) or type(error).__name__) from error
        finally:
            self._waiting -= len(messages)
        self._count("acknowledged", messages)

    async def _transmit(self, sendings: Sequence[Sequence[Message]]) -> list[None]:
        """Send what many have brought; return when all of it is acknowledged."""
        producer = None
        try:
            async with asyncio.timeout(self._within):
                producer = await self._connected()
                await deliver(producer, self._kafka, chain.from_iterable(sendings))
        except (TimeoutError, KafkaError):
            if producer is not None and producer is self._producer:
                self._broken.set()
            raise
        return [None] * len(sendings)

    async def _connected(self) -> AIOKafkaProducer:
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep_connected(), name="telemetry")
        await self._tried.wait()
        if self._producer is None:
            raise TelemetryUnavailable("Kafka cannot be reached")
        return self._producer

    async def _keep_connected(self) -> None:
        backoff = Backoff()
        while True:
            producer = self._client()
            try:
                async with asyncio.timeout(self._within):
                    await producer.start()
                self._broken.clear()
                self._producer = producer
                self._tried.set()
                backoff.reset()
                await self._broken.wait()
                log.warning("telemetry was not acknowledged, connecting anew")
            except Exception as error:
                log.warning("telemetry cannot reach Kafka", reason=type(error).__name__)
            finally:
                self._producer = None
                self._tried.set()
                await abandon(producer)
            await backoff.pause(asyncio.Event())

    def _client(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            **self._kafka.connection(),
            acks="all",
            enable_idempotence=True,
            compression_type="lz4",
            max_batch_size=LARGEST_BATCH,
            request_timeout_ms=int(self._within * 1000),
        )

    @staticmethod
    def _count(outcome: str, messages: Sequence[Message]) -> None:
        TELEMETRY.labels(outcome).inc(len(messages))
