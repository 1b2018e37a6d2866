"""Reading a topic without a group: a part of it, up to where it ends now, or on and on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import UnknownTopicOrPartitionError

from shop_events.envelope import headers_of
from shop_events.kafka import KafkaSettings
from shop_events.operations.masking import shown

_POLL_MS = 500
_QUIET_SECONDS = 30.0
_ANSWER_MS = 10_000


class UnknownTopic(LookupError):
    """The broker has no such topic."""


class TopicUnreadable(Exception):
    """There is more to read, and nothing comes."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record with its place (topic without prefix)."""

    topic: str
    partition: int
    offset: int
    at: datetime
    key: str
    headers: Mapping[str, str]
    value: bytes | None

    @property
    def event_type(self) -> str:
        """The CloudEvents type; empty when it says none."""
        return self.headers.get("ce_type", "")

    @property
    def event_id(self) -> str:
        """The event's id, or its place when it has none."""
        return self.headers.get("ce_id") or f"{self.topic}/{self.partition}/{self.offset}"

    def as_json(self, *, reveal: bool = False) -> dict[str, Any]:
        """Return it as a CloudEvent in JSON with its place, masked as its topic demands."""
        attributes = {name[3:]: text for name, text in self.headers.items() if name.startswith("ce_")}
        return {
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "key": self.key,
            **attributes,
            "data": shown(self.value, self.topic, reveal=reveal),
        }


@dataclass(frozen=True, slots=True)
class Extent:
    """A part of a topic. Times are those of the records; what is None does not limit.

    Args:
        since: from this time on.
        until: before this time.
        partition: of this partition alone.
        from_offset: from this offset on.
        until_offset: before this offset.
    """

    since: datetime | None = None
    until: datetime | None = None
    partition: int | None = None
    from_offset: int | None = None
    until_offset: int | None = None


WHOLE = Extent()


@dataclass(frozen=True, slots=True)
class Filter:
    """Which records are wanted; what is None is not looked at."""

    key: str | None = None
    event_type: str | None = None

    def takes(self, record: Record) -> bool:
        """Say whether a record is wanted."""
        right_key = self.key is None or self.key == record.key
        return right_key and (self.event_type is None or self.event_type == record.event_type)


ALL = Filter()


@asynccontextmanager
async def reader(kafka: KafkaSettings, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    """Open a client without a group on all partitions of a topic. Raises UnknownTopic, KafkaError."""
    name = kafka.named(topic)
    client = AIOKafkaConsumer(
        name,
        **kafka.connection(),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        request_timeout_ms=_ANSWER_MS,  # so long a topic is looked for that is not there
    )
    try:
        try:
            await client.start()
        except UnknownTopicOrPartitionError:
            raise UnknownTopic(f"the broker has no topic {name} that this login may see") from None
        yield client
    finally:
        await client.stop()


async def read(kafka: KafkaSettings, topic: str, extent: Extent = WHOLE) -> AsyncIterator[Record]:
    """Yield the records of a part of a topic that ends, at the latest, where the topic ends now.

    Raises:
        UnknownTopic: there is none.
        TopicUnreadable: records are announced and do not come.
    """
    async with reader(kafka, topic) as client:
        ends = await _seek(client, extent)
        while ends:
            async with _patience(topic):
                fetched = await client.getmany(timeout_ms=_POLL_MS)
                while not fetched and not await _passed(client, ends):
                    fetched = await client.getmany(timeout_ms=_POLL_MS)
            for place, records in fetched.items():
                for record in records:
                    if place in ends and record.offset < ends[place]:
                        yield record_of(record, kafka)
            for place in await _passed(client, ends):
                del ends[place]
                client.pause(place)


async def follow(kafka: KafkaSettings, topic: str, since: datetime | None) -> AsyncIterator[Record]:
    """Yield records from ``since`` on (None: those that come) until cancelled. Raises UnknownTopic."""
    async with reader(kafka, topic) as client:
        if since is None:
            await client.seek_to_end()
        else:
            await _seek(client, Extent(since=since))
        while True:
            for records in (await client.getmany(timeout_ms=_POLL_MS)).values():
                for record in records:
                    yield record_of(record, kafka)


def record_of(record: ConsumerRecord, kafka: KafkaSettings) -> Record:
    """Return a client's record as ours."""
    return Record(
        topic=kafka.bare(record.topic),
        partition=record.partition,
        offset=record.offset,
        at=datetime.fromtimestamp(record.timestamp / 1000, UTC),
        key=(record.key or b"").decode("utf-8", "replace"),
        headers=headers_of(record.headers),
        value=record.value,
    )


async def _seek(client: AIOKafkaConsumer, extent: Extent) -> dict[TopicPartition, int]:
    """Go to the start of a part and return where it ends, for those partitions that have some of it."""
    places = sorted(client.assignment())
    ends = await client.end_offsets(places)
    starts = await client.beginning_offsets(places)
    starts = _latest(starts, await _at(client, places, extent.since, ends), extent.from_offset)
    ends = _earliest(ends, await _at(client, places, extent.until, ends), extent.until_offset)
    wanted: dict[TopicPartition, int] = {}
    for place in places:
        client.seek(place, starts[place])
        if extent.partition in (None, place.partition) and starts[place] < ends[place]:
            wanted[place] = ends[place]
    if extent.until is not None or extent.until_offset is not None or extent.partition is not None:
        client.pause(*(place for place in places if place not in wanted))
    return wanted


async def _at(
    client: AIOKafkaConsumer, places: list[TopicPartition], time: datetime | None, ends: Mapping[Any, int]
) -> dict[TopicPartition, int]:
    """Return the first offset at or after a time; the end where everything is older."""
    if time is None:
        return {}
    found = await client.offsets_for_times(dict.fromkeys(places, int(time.timestamp() * 1000)))
    return {place: ends[place] if hit is None else hit.offset for place, hit in found.items()}


def _latest(
    offsets: dict[TopicPartition, int], at: Mapping[TopicPartition, int], least: int | None
) -> dict[TopicPartition, int]:
    return {place: max(first, at.get(place, 0), least or 0) for place, first in offsets.items()}


def _earliest(
    offsets: dict[TopicPartition, int], at: Mapping[TopicPartition, int], most: int | None
) -> dict[TopicPartition, int]:
    bound = {place: min(end, at.get(place, end)) for place, end in offsets.items()}
    return bound if most is None else {place: min(end, most) for place, end in bound.items()}


async def _passed(client: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> list[TopicPartition]:
    return [place for place, end in ends.items() if await client.position(place) >= end]


@asynccontextmanager
async def _patience(topic: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(_QUIET_SECONDS):
            yield
    except TimeoutError:
        raise TopicUnreadable(f"{topic} has more, and nothing came for {_QUIET_SECONDS:.0f} s") from None
