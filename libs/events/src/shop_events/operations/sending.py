"""Writing what operators decide: records that belong together in one Kafka transaction, at a bounded rate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiokafka import AIOKafkaProducer

from shop_events.envelope import Message
from shop_events.kafka import KafkaSettings
from shop_events.topics import operator_transactions


class Placed(NamedTuple):
    """A record with the partition it must go to; None lets its key decide."""

    message: Message
    partition: int | None = None


class Desk:
    """The one place from which a group's letters are settled: a second one fences the first.

    Reading what is open only after the desk has been taken, an operator never acts on what another one is
    just settling.
    """

    def __init__(self, kafka: KafkaSettings, producer: AIOKafkaProducer) -> None:
        self._kafka = kafka
        self._producer = producer

    @classmethod
    @asynccontextmanager
    async def taken(cls, kafka: KafkaSettings, group: str) -> AsyncIterator[Desk]:
        """Take the desk of a group for the block. Raises KafkaError; ProducerFenced once it is lost."""
        name = kafka.named(operator_transactions(group))
        producer = AIOKafkaProducer(**kafka.connection(), transactional_id=name, acks="all")
        await producer.start()
        try:
            yield cls(kafka, producer)
        finally:
            await producer.stop()

    async def send(self, records: Sequence[Placed]) -> None:
        """Write records in one transaction."""
        async with self._producer.transaction():
            for message, partition in records:
                await self._producer.send(
                    self._kafka.named(message.topic),
                    message.value,
                    key=message.key.encode(),
                    partition=partition,
                    headers=[(name, text.encode()) for name, text in message.headers.items()],
                )


class Pace:
    """Keeps to so many records a second."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._due = time.monotonic()

    @property
    def at_once(self) -> int:
        """How many records to write together: no more than a tenth of a second's worth, at most 100."""
        return max(1, min(100, int(self._per_second / 10)))

    async def passed(self, count: int) -> None:
        """Wait until ``count`` more records fit."""
        self._due = max(self._due, time.monotonic() - 0.1) + count / self._per_second
        await asyncio.sleep(max(self._due - time.monotonic(), 0))
