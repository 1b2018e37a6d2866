"""Kafka clients that read: how they are made, how to notice that one is stuck, how to be rid of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from shop_events.kafka import KafkaSettings
from shop_events.waiting import attempt

_STARTED_WITHIN = 60.0
_LEFT_WITHIN = 3.0


class ClientStuckError(Exception):
    """The client answers no more, or there is something to read and nothing arrives: build it anew."""


@asynccontextmanager
async def group_member(
    kafka: KafkaSettings,
    group: str,
    topics: Iterable[str],
    listener: ConsumerRebalanceListener,
    session_timeout: timedelta,
) -> AsyncIterator[AIOKafkaConsumer]:
    """Join ``group`` (names without prefix) and leave it at the end, whatever state the client is in.

    Raises:
        KafkaError: the brokers cannot be reached.
        TimeoutError: nothing was assigned within a minute.
    """
    client = AIOKafkaConsumer(
        **kafka.connection(),
        group_id=kafka.named(group),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        session_timeout_ms=int(session_timeout.total_seconds() * 1000),
        heartbeat_interval_ms=int(session_timeout.total_seconds() * 200),
        metadata_max_age_ms=30_000,
        rebalance_timeout_ms=30_000,
    )
    client.subscribe([kafka.named(topic) for topic in topics], listener=listener)
    try:
        async with asyncio.timeout(_STARTED_WITHIN):
            await client.start()
        yield client
    finally:
        await abandon(client)


@asynccontextmanager
async def follower(kafka: KafkaSettings, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    """Read all partitions of ``topic`` (without prefix) from the start, without a group.

    Raises:
        KafkaError: the brokers cannot be reached.
        ConnectionError: there is no such topic, or not yet.
    """
    client = AIOKafkaConsumer(
        kafka.named(topic),
        **kafka.connection(),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    try:
        async with asyncio.timeout(_STARTED_WITHIN):
            await client.start()
        if not client.assignment():
            raise ConnectionError(f"topic {topic} does not exist yet")
        yield client
    finally:
        await abandon(client)


class Watchdog:
    """Notices that a client brings nothing although there is something to bring.

    Args:
        client: reads without a group.
        stuck_after: seconds in which nothing came before the broker is asked.
    """

    def __init__(self, client: AIOKafkaConsumer, stuck_after: float) -> None:
        self._client = client
        self._stuck_after = stuck_after
        self._fed_at = time.monotonic()

    def fed(self) -> None:
        """Note that something came."""
        self._fed_at = time.monotonic()

    async def watch(self) -> None:
        """Look every so often, until cancelled.

        Raises:
            ClientStuckError: the client has to be built anew.
        """
        while True:
            await asyncio.sleep(self._stuck_after / 3)
            if time.monotonic() - self._fed_at > self._stuck_after:
                unfetched = await behind(self._client, self._stuck_after)
                if any(unfetched.values()) and time.monotonic() - self._fed_at > self._stuck_after:
                    raise ClientStuckError("there is something to read and nothing comes")


async def abandon(client: AIOKafkaConsumer) -> None:
    """Leave the group and close the client, by force if it does not answer.

    A client that is merely dropped goes on in the background: it would stay a member of its group and keep
    partitions that nobody reads.
    """
    if await attempt(client.stop(), _LEFT_WITHIN):
        return
    coordinator, fetcher = client._coordinator, client._fetcher
    tasks = [fetcher._fetch_task] if fetcher else []
    for name in ("_coordination_task", "_heartbeat_task", "_commit_refresh_task"):
        tasks.append(getattr(coordinator, name, None))
    for task in tasks:
        if task is not None:
            task.cancel()
    await attempt(client._client.close(), _LEFT_WITHIN)


async def behind(client: AIOKafkaConsumer, within: float) -> dict[TopicPartition, int]:
    """Return how many records each assigned partition has that were not fetched yet.

    Raises:
        ClientStuckError: the client cannot find out within ``within`` seconds.
    """
    partitions = list(client.assignment())
    if not partitions:
        return {}
    try:
        async with asyncio.timeout(within):
            ends = await client.end_offsets(partitions)
            positions = {place: await client.position(place) for place in partitions}
    except IllegalStateError:  # they went elsewhere meanwhile
        return {}
    except (KafkaError, TimeoutError) as error:
        raise ClientStuckError(type(error).__name__) from error
    return {place: max(ends[place] - positions[place], 0) for place in partitions}
