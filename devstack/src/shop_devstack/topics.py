"""`make topics` and `make tail`: what the topics are, and what is in one, as JSON lines for other tools."""

import asyncio
import json
import logging
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import TopicAuthorizationFailedError

from shop_devstack.errors import DevstackError
from shop_devstack.screen import Screen
from shop_devstack.stack import StackInfo
from shop_events.envelope import headers_of
from shop_events.kafka import KafkaSettings
from shop_events.topics import TOPICS, Sensitivity, Topic


def show_topics(screen: Screen) -> None:
    """Show every topic of the registry."""
    rows: list[tuple[str, ...]] = [
        (topic.name, topic.owner, topic.key, _kind(topic), topic.carries, ", ".join(topic.readers))
        for topic in TOPICS.values()
    ]
    screen.table(("topic", "owner", "key", "kind", "carries", "read by"), rows)


def tail(info: StackInfo, name: str, *, from_start: bool, most: int | None) -> None:
    """Print a topic's records, oldest first, then what comes, one JSON object a line, until Ctrl-C.

    It reads as the analyst, whom the broker itself lets at nothing but open topics.

    Args:
        info: the running stack.
        name: the topic, without prefix.
        from_start: begin with what the topic holds, not with what comes next.
        most: stop after so many records; None goes on.

    Raises DevstackError when there is no such topic, or it is closed to analysts.
    """
    topic = TOPICS.get(name)
    if topic is None:
        raise DevstackError(f"There is no topic {name}; `make topics` lists them")
    closed = DevstackError(f"{name} is {topic.sensitivity}: only {', '.join(topic.readers)} may read it")
    if not info.guards_kafka and topic.sensitivity is not Sensitivity.OPEN:
        raise closed
    logging.getLogger("aiokafka.cluster").setLevel(logging.CRITICAL)  # a refusal is told below
    with suppress(KeyboardInterrupt):
        try:
            asyncio.run(_follow(info.analyst_kafka, topic, from_start, most))
        except TopicAuthorizationFailedError as error:
            raise closed from error


async def _follow(kafka: KafkaSettings, topic: Topic, from_start: bool, most: int | None) -> None:
    consumer = AIOKafkaConsumer(
        kafka.named(topic.name),
        **kafka.connection(),
        auto_offset_reset="earliest" if from_start else "latest",
        isolation_level="read_committed",
    )
    printed = 0
    try:
        await consumer.start()
        async for record in consumer:
            sys.stdout.write(json.dumps(line_of(record, topic.name), ensure_ascii=False) + "\n")
            sys.stdout.flush()
            printed += 1
            if printed == most:
                return
    finally:
        await consumer.stop()


def line_of(record: ConsumerRecord, topic: str) -> Mapping[str, Any]:
    """Return a record as a CloudEvent in JSON, with its place in the topic."""
    headers = headers_of(record.headers)
    attributes = {name[3:]: value for name, value in headers.items() if name.startswith("ce_")}
    return {
        "topic": topic,
        "partition": record.partition,
        "offset": record.offset,
        "key": (record.key or b"").decode("utf-8", "replace"),
        **attributes,
        "data": _data(record.value),
    }


def _data(value: bytes | None) -> Any:
    if value is None:
        return None
    try:
        return json.loads(value)
    except ValueError:
        return value.decode("utf-8", "replace")


def _kind(topic: Topic) -> str:
    return topic.kind if topic.sensitivity is Sensitivity.OPEN else f"{topic.kind}, {topic.sensitivity}"
