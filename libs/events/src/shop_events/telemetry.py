"""Telemetry: records that change no state, produced directly and acknowledged by all in-sync replicas.

Whoever sends learns within a bounded time whether the records are in the topic. One that was given up on may
still arrive, so each record carries an id that is derived from what it tells: sending it again is no news.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from itertools import chain
from typing import Any, Self

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError
from aiokafka.partitioner import DefaultPartitioner
from prometheus_client import Counter

from shop_events.envelope import Message
from shop_events.errors import EventError
from shop_events.gathering import Gathered
from shop_events.kafka import KafkaSettings
from shop_events.waiting import Backoff

TELEMETRY = Counter("shop_events_telemetry_total", "Telemetry records by what became of them", ["outcome"])

_CLOSED_WITHIN = 5.0
_PARTITIONER = DefaultPartitioner()

_Place = tuple[str, int]

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
                acknowledged = []
                for place, messages in (await self._by_place(producer, sendings)).items():
                    acknowledged += await _queue(producer, place, messages)
                await asyncio.gather(*acknowledged)
        except (TimeoutError, KafkaError):
            if producer is not None and producer is self._producer:
                self._broken.set()
            raise
        return [None] * len(sendings)

    async def _by_place(
        self, producer: AIOKafkaProducer, sendings: Sequence[Sequence[Message]]
    ) -> dict[_Place, list[Message]]:
        """Return the messages by the topic and partition that their keys belong to."""
        by_key: dict[tuple[str, str], list[Message]] = defaultdict(list)
        for message in chain.from_iterable(sendings):
            by_key[message.topic, message.key].append(message)
        found: dict[_Place, list[Message]] = defaultdict(list)
        for (bare, key), messages in by_key.items():
            topic = self._kafka.named(bare)
            everywhere = sorted(await producer.partitions_for(topic))
            found[topic, _PARTITIONER(key.encode(), everywhere, everywhere)] += messages
        return found

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
                await _abandon(producer)
            await backoff.pause(asyncio.Event())

    def _client(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            **self._kafka.connection(),
            acks="all",
            enable_idempotence=True,
            compression_type="lz4",
            max_batch_size=1 << 18,
            request_timeout_ms=int(self._within * 1000),
        )

    @staticmethod
    def _count(outcome: str, messages: Sequence[Message]) -> None:
        TELEMETRY.labels(outcome).inc(len(messages))


async def _queue(producer: AIOKafkaProducer, place: _Place, messages: Sequence[Message]) -> list[Any]:
    """Queue messages for one partition as whole batches; return the futures of their acknowledgement."""
    queued, batch = [], producer.create_batch()
    topic, partition = place
    for message in messages:
        headers = [(name, value.encode()) for name, value in message.headers.items()]
        record = {"key": message.key.encode(), "value": message.value, "headers": headers, "timestamp": None}
        if batch.append(**record) is None:
            queued.append(await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
            batch.append(**record)
    queued.append(await producer.send_batch(batch, topic, partition=partition))
    return queued


async def _abandon(producer: AIOKafkaProducer) -> None:
    """Close a client without waiting for what it still holds.

    Its own ``stop`` waits for every record, and an idempotent client tries each of them for ever.
    """
    with suppress(Exception):
        async with asyncio.timeout(_CLOSED_WITHIN):
            await producer._sender.close()
    producer._message_accumulator.fail_all(KafkaTimeoutError())
    with suppress(Exception):
        async with asyncio.timeout(_CLOSED_WITHIN):
            await producer.stop()
