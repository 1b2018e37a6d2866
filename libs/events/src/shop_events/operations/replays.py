"""A part of a topic for one group once more, through the group's replay topic: other groups see nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from shop_events.dead_letters import ORIGIN_OFFSET, ORIGIN_PARTITION, ORIGIN_TOPIC
from shop_events.envelope import Message
from shop_events.kafka import KafkaSettings
from shop_events.operations.records import ALL, WHOLE, Extent, Filter, Record, read
from shop_events.operations.sending import Desk, Pace, Placed
from shop_events.topics import SERVICES, TOPICS, replay


@dataclass(frozen=True, slots=True)
class Part:
    """What of a topic is meant: which stretch of it, and of that which records."""

    topic: str
    extent: Extent = WHOLE
    wanted: Filter = ALL


class NotAReader(Exception):
    """The registry does not let the group read the topic."""


def assert_reader(group: str, topic: str) -> None:
    """Raise NotAReader unless ``group`` may read ``topic``."""
    if topic not in TOPICS or group not in SERVICES or group not in TOPICS[topic].readers:
        raise NotAReader(f"{group} is not among the readers of {topic}")


async def selected(kafka: KafkaSettings, part: Part) -> AsyncIterator[Record]:
    """Yield the records that are meant. Raises UnknownTopic, TopicUnreadable, KafkaError."""
    async for record in read(kafka, part.topic, part.extent):
        if part.wanted.takes(record):
            yield record


async def replay_to(kafka: KafkaSettings, group: str, part: Part, pace: Pace) -> AsyncIterator[Record]:
    """Let ``group`` take a part of a topic again, and yield each record once that is committed.

    Effects that have happened are recognised by the inbox; those of handlers that are new happen now. Read
    models keep what is newer. Raises NotAReader, and as :func:`selected` does.
    """
    assert_reader(group, part.topic)
    async with Desk.taken(kafka, group) as desk:
        batch: list[Record] = []
        async for record in selected(kafka, part):
            batch.append(record)
            if len(batch) >= pace.at_once:
                async for done in _send(desk, group, batch, pace):
                    yield done
                batch = []
        async for done in _send(desk, group, batch, pace):
            yield done


async def _send(desk: Desk, group: str, batch: list[Record], pace: Pace) -> AsyncIterator[Record]:
    if batch:
        await desk.send([Placed(_again(group, record)) for record in batch])
        for record in batch:
            yield record
        await pace.passed(len(batch))


def _again(group: str, record: Record) -> Message:
    origin = {
        ORIGIN_TOPIC: record.topic,
        ORIGIN_PARTITION: str(record.partition),
        ORIGIN_OFFSET: str(record.offset),
    }
    return Message(replay(group), record.key, {**record.headers, **origin}, record.value)
