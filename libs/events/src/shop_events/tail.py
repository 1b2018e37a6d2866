"""A log topic followed by every process for itself, without a group: for what is learned in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from shop_events.consuming import Watchdog, follower
from shop_events.envelope import Message, Received, decode, headers_of
from shop_events.errors import MalformedEvent
from shop_events.kafka import KafkaSettings
from shop_events.waiting import Backoff, first_of

log = structlog.get_logger(__name__)

_POLL_MS = 500
_YIELD_EVERY = 200


class Tail:
    """Hands on every event of one topic, from some time ago until told to stop.

    Args:
        kafka: where the topic is.
        topic: which one (without prefix).
        take: called with each event and its partition; those of a partition come in order.
        history: how far back to begin.
        idle: called whenever all there was has been read; not while the broker only takes its time.
        stuck_after: seconds in which nothing came before the client is asked whether it is stuck.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        topic: str,
        take: Callable[[Received, int], None],
        history: timedelta,
        idle: Callable[[], None] = lambda: None,
        *,
        stuck_after: float = 30.0,
    ) -> None:
        self._kafka = kafka
        self._topic = topic
        self._receive = take
        self._history = history
        self._idle = idle
        self._stuck_after = stuck_after
        self._positions: dict[TopicPartition, int] = {}
        self.caught_up = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the topic until ``stop`` is set."""
        backoff = Backoff()
        while not stop.is_set():
            try:
                await self._follow(stop, backoff)
            except Exception as error:
                log.warning("topic unreadable", topic=self._topic, reason=type(error).__name__)
                await backoff.pause(stop)

    async def _follow(self, stop: asyncio.Event, backoff: Backoff) -> None:
        async with follower(self._kafka, self._topic) as client:
            await self._seek(client)
            backoff.reset()
            watchdog = Watchdog(client, self._stuck_after)
            await first_of(self._read(client, watchdog, stop), watchdog.watch())

    async def _read(self, client: AIOKafkaConsumer, watchdog: Watchdog, stop: asyncio.Event) -> None:
        while not stop.is_set():
            fetched = await client.getmany(timeout_ms=_POLL_MS, max_records=2000)
            await self._take(fetched)
            if fetched:
                watchdog.fed()
            elif await self._is_at_end(client):
                self.caught_up.set()
                self._idle()

    async def _seek(self, client: AIOKafkaConsumer) -> None:
        """Go on where this process stopped, or begin as far back as is wanted."""
        partitions = client.assignment()
        fresh = [partition for partition in partitions if partition not in self._positions]
        since = int((datetime.now(UTC) - self._history).timestamp() * 1000)
        # The ends come first: what is published before or after the next answer is then read.
        ends = await client.end_offsets(fresh) if fresh else {}
        found = await client.offsets_for_times(dict.fromkeys(fresh, since)) if fresh else {}
        for partition, place in found.items():
            client.seek(partition, ends[partition] if place is None else place.offset)
        for partition, position in self._positions.items():
            client.seek(partition, position)

    async def _is_at_end(self, client: AIOKafkaConsumer) -> bool:
        """Say whether each partition was read to where the broker last said that it ends."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_POLL_MS / 1000):
                for partition in client.assignment():
                    end = client.highwater(partition)
                    if end is None or await client.position(partition) < end:
                        return False
                return True
        return False

    async def _take(self, fetched: dict[TopicPartition, Sequence[ConsumerRecord]]) -> None:
        for partition, records in fetched.items():
            for count, record in enumerate(records):
                self._apply(record)
                self._positions[partition] = record.offset + 1
                if count % _YIELD_EVERY == 0:
                    await asyncio.sleep(0)

    def _apply(self, record: ConsumerRecord) -> None:
        key = (record.key or b"").decode("utf-8", "replace")
        message = Message(self._topic, key, headers_of(record.headers), record.value)
        try:
            received = decode(message)
        except MalformedEvent:
            return  # the streams of the same topic make a dead letter of it
        self._receive(received, record.partition)
