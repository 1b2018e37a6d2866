"""Supervised producers: what is sent is acknowledged within a bound, or the client is thrown away."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTopicError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
from aiokafka.producer import sender

from shop_events.envelope import Message
from shop_events.kafka import KafkaSettings
from shop_events.partitioning import partition_of
from shop_events.waiting import attempt

LARGEST_BATCH = 1 << 18
"""Bytes of one record batch, before compression."""

_CLOSED_WITHIN = 3.0
_TOPIC_KNOWN_WITHIN = 3.0
_REFUSALS = (
    InvalidTopicError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

# A transaction that follows another one at once is told to come back, until the markers of the first are
# written. The client sleeps this many seconds then: its own 20 ms are ten times what the broker needs
# (docs/adr says what that costs), and it offers no other way to say so.
sender.BACKOFF_OVERRIDE = 0.002

_Place = tuple[str, int]


class TopicsRefused(KafkaError):  # type: ignore[misc]
    """The broker takes nothing for these topics (named without prefix), though it answers: not from us."""

    def __init__(self, topics: Iterable[str], reason: str) -> None:
        self.topics = frozenset(topics)
        self.reason = reason
        super().__init__(f"{', '.join(sorted(self.topics))}: {reason}")


class TransactionalPublisher:
    """Publishes batches of records, each in a Kafka transaction under one ``transactional.id``.

    After any failure it must not be used again: whether the last transaction was committed is unknown then,
    and its client may never answer. The next one to be opened aborts what was left open, and fences it.

    Args:
        producer: a started client with a ``transactional_id``.
        kafka: names the topics.
        within: seconds until a transaction counts as failed.
    """

    def __init__(self, producer: AIOKafkaProducer, kafka: KafkaSettings, within: float) -> None:
        self._producer = producer
        self._kafka = kafka
        self._within = within

    async def publish(self, messages: Sequence[Message]) -> None:
        """Publish ``messages``, those of a key in their order; return once the transaction is committed.

        Raises:
            TopicsRefused: some of the topics do not exist, or may not be written by this login.
            KafkaError: the broker refused, for instance because a successor was opened (ProducerFenced).
            TimeoutError: it was not done within the bound.
        """
        async with asyncio.timeout(self._within):
            await self._producer.begin_transaction()
            try:
                await deliver(self._producer, self._kafka, messages)
                await self._producer.commit_transaction()
            except KafkaError as error:
                if denied := self._denied():
                    raise TopicsRefused(denied, TopicAuthorizationFailedError.__name__) from error
                raise

    def _denied(self) -> list[str]:
        """Return the topics that the broker did not let into the transaction. All its records fail then."""
        ended = self._producer._txn_manager._transaction_waiter
        error = ended.exception() if ended.done() and not ended.cancelled() else None
        if not isinstance(error, TopicAuthorizationFailedError):
            return []
        return [self._kafka.bare(topic) for topic in error.args[0]]


@asynccontextmanager
async def transactional_publisher(
    kafka: KafkaSettings, transactional_id: str, within: float
) -> AsyncIterator[TransactionalPublisher]:
    """Open the publisher of ``transactional_id`` and thereby fence every earlier one.

    Raises:
        TimeoutError: the broker could not be reached within ``within`` seconds.
    """
    producer = AIOKafkaProducer(
        **kafka.connection(),
        transactional_id=transactional_id,
        transaction_timeout_ms=int(within * 1000),
        compression_type="lz4",
        max_batch_size=LARGEST_BATCH,
        max_request_size=4 << 20,
    )
    try:
        async with asyncio.timeout(within):
            await producer.start()
        yield TransactionalPublisher(producer, kafka, within)
    finally:
        await abandon(producer)


async def deliver(producer: AIOKafkaProducer, kafka: KafkaSettings, messages: Iterable[Message]) -> None:
    """Send messages as whole batches per partition and wait until all of them are acknowledged.

    Raises TopicsRefused, KafkaError.
    """
    acknowledged: dict[asyncio.Future[Any], str] = {}
    for place, mine in (await _by_place(producer, kafka, messages)).items():
        acknowledged |= dict.fromkeys(await _queue(producer, place, mine), kafka.bare(place[0]))
    for future in acknowledged:  # the first failure is raised; the others are no news
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
    try:
        await asyncio.gather(*acknowledged)
    except _REFUSALS as error:
        refused = [topic for future, topic in acknowledged.items() if _was_refused(future)]
        raise TopicsRefused(refused, type(error).__name__) from error


def _was_refused(future: asyncio.Future[Any]) -> bool:
    return future.done() and not future.cancelled() and isinstance(future.exception(), _REFUSALS)


async def _by_place(
    producer: AIOKafkaProducer, kafka: KafkaSettings, messages: Iterable[Message]
) -> dict[_Place, list[Message]]:
    """Return the messages by the topic and partition that their keys belong to."""
    by_topic: dict[str, list[Message]] = defaultdict(list)
    for message in messages:
        by_topic[message.topic].append(message)
    found: dict[_Place, list[Message]] = defaultdict(list)
    for bare, mine in by_topic.items():
        topic = kafka.named(bare)
        partitions = sorted(await _partitions(producer, topic, bare))
        for message in mine:
            found[topic, partitions[partition_of(message.key.encode(), len(partitions))]].append(message)
    return found


async def _partitions(producer: AIOKafkaProducer, topic: str, bare: str) -> set[int]:
    """Return the partitions of a topic. Raises TopicsRefused when a broker that answers knows none."""
    try:
        async with asyncio.timeout(_TOPIC_KNOWN_WITHIN):
            return set(await producer.partitions_for(topic))
    except _REFUSALS as error:
        raise TopicsRefused([bare], type(error).__name__) from error
    except TimeoutError:
        if not await producer.client.force_metadata_update():
            raise
        known = producer.client.cluster.partitions_for_topic(topic)
        if known is None:
            raise TopicsRefused([bare], UnknownTopicOrPartitionError.__name__) from None
        return set(known)


async def _queue(
    producer: AIOKafkaProducer, place: _Place, messages: Sequence[Message]
) -> list[asyncio.Future[Any]]:
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


async def abandon(producer: AIOKafkaProducer) -> None:
    """Close a client without waiting for what it still holds.

    Its own ``stop`` waits for every record, and an idempotent client tries each of them for ever.
    """
    await attempt(producer._sender.close(), _CLOSED_WITHIN)
    producer._message_accumulator.fail_all(KafkaTimeoutError())
    await attempt(producer.stop(), _CLOSED_WITHIN)
