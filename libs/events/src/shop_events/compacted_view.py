"""A small state topic held in memory by every process: signing keys, revocations.

Read from its start without a group. Once caught up it stays usable when Kafka goes away; a reader that was
away for longer than tombstones live builds itself anew.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from shop_events.consuming import Watchdog, follower
from shop_events.contracts.base import Event
from shop_events.envelope import Message, decode, headers_of
from shop_events.errors import MalformedEvent
from shop_events.kafka import KafkaSettings
from shop_events.waiting import Backoff, first_of

log = structlog.get_logger(__name__)

E = TypeVar("E", bound=Event)
_TOMBSTONES_LIVE_SECONDS = 6 * 24 * 3600.0


class CompactedView(Generic[E]):
    """The newest event per key of one topic.

    Args:
        kafka: where the topic is.
        contract: the event type that carries state; tombstones of the same topic remove a key.
        on_change: called with the key after each change, for caches built on the view.
        stuck_after: seconds in which nothing came before the client is asked whether it is stuck.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        contract: type[E],
        on_change: Callable[[str], None] | None = None,
        stuck_after: float = 30.0,
    ) -> None:
        self._kafka = kafka
        self._contract = contract
        self._on_change = on_change
        self._stuck_after = stuck_after
        self._events: dict[str, E] = {}
        self._sequences: dict[str, int] = {}
        self._positions: dict[TopicPartition, int] = {}
        self._read_at = time.monotonic()
        self.caught_up = asyncio.Event()

    def get(self, key: str) -> E | None:
        """Return the newest state of ``key``, None when there is none."""
        return self._events.get(key)

    def __len__(self) -> int:
        return len(self._events)

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the topic until ``stop`` is set."""
        backoff = Backoff()
        while not stop.is_set():
            try:
                await self._follow(stop, backoff)
            except Exception as error:
                log.warning("state topic unreadable", topic=self._contract.topic, reason=type(error).__name__)
                await backoff.pause(stop)

    async def _follow(self, stop: asyncio.Event, backoff: Backoff) -> None:
        async with follower(self._kafka, self._contract.topic) as client:
            ends = await client.end_offsets(self._seek(client))
            backoff.reset()
            watchdog = Watchdog(client, self._stuck_after)
            await first_of(self._read(client, ends, watchdog, stop), watchdog.watch())

    async def _read(
        self,
        client: AIOKafkaConsumer,
        ends: dict[TopicPartition, int],
        watchdog: Watchdog,
        stop: asyncio.Event,
    ) -> None:
        while not stop.is_set():
            if fetched := await client.getmany(timeout_ms=500):
                watchdog.fed()
            self._take(fetched)
            if not self.caught_up.is_set():
                await self._check_caught_up(client, ends)

    def _seek(self, client: AIOKafkaConsumer) -> list[TopicPartition]:
        """Go on where this view stopped, or from the start if that was too long ago."""
        if time.monotonic() - self._read_at > _TOMBSTONES_LIVE_SECONDS:
            self._events.clear()
            self._sequences.clear()
            self._positions.clear()
        partitions = list(client.assignment())
        for partition in partitions:
            if partition in self._positions:
                client.seek(partition, self._positions[partition])
        return partitions

    async def _check_caught_up(self, client: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> None:
        positions = [await client.position(partition) for partition in ends]
        if all(position >= end for position, end in zip(positions, ends.values(), strict=True)):
            self.caught_up.set()

    def _take(self, fetched: dict[TopicPartition, Sequence[ConsumerRecord]]) -> None:
        self._read_at = time.monotonic()
        for partition, records in fetched.items():
            for record in records:
                self._apply(record)
                self._positions[partition] = record.offset + 1

    def _apply(self, record: ConsumerRecord) -> None:
        key = (record.key or b"").decode("utf-8", "replace")
        message = Message(self._contract.topic, key, headers_of(record.headers), record.value)
        try:
            received = decode(message)
        except MalformedEvent as error:
            log.error("unreadable state", topic=self._contract.topic, reason=str(error))
            return
        if received.envelope.sequence < self._sequences.get(key, -1):
            return
        self._sequences[key] = received.envelope.sequence
        if isinstance(received.event, self._contract):
            self._events[key] = received.event
        else:
            self._events.pop(key, None)
        if self._on_change:
            self._on_change(key)
