"""Filling a topic beforehand."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from aiokafka import AIOKafkaProducer

from shop_events.envelope import Message

# The first records of a new topic are sent again until its partitions have leaders, each time with a warning.
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


async def fill(kafka: str, prefix: str, messages: Iterable[tuple[Message, int | None]]) -> int:
    """Produce records, each to its partition (None: by its key); return how many they were."""
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka, acks="all", max_batch_size=1 << 18, linger_ms=5, compression_type="lz4"
    )
    await producer.start()
    count = 0
    try:
        for message, partition in messages:
            headers = [(name, value.encode()) for name, value in message.headers.items()]
            topic, key = prefix + message.topic, message.key.encode()
            await producer.send(topic, message.value, key, partition=partition, headers=headers)
            count += 1
        await producer.flush()
    finally:
        await producer.stop()
    return count
