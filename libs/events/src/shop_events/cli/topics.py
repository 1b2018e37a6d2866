"""``shop-events topics``, ``describe``, ``tail``, ``lag``: what is there, what is in it, who is behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from shop_events.cli import options, screen
from shop_events.contracts.base import Event
from shop_events.fields import fields
from shop_events.kafka import KafkaSettings
from shop_events.operations.lag import ELSEWHERE, Lag, lags
from shop_events.operations.records import Extent, Filter, Record, follow, read
from shop_events.schemas import every_event, schema_of
from shop_events.topics import TOPICS, Sensitivity, Topic

_BEGINNING = datetime.fromtimestamp(0, UTC)


def topics(as_json: options.AsJson = False) -> None:
    """List the topics of the registry: who writes them, what they carry, who reads them."""
    rows = [
        (
            row.name,
            row.owner,
            row.key,
            _kind(row),
            _kept(row),
            row.partitions,
            row.carries,
            ", ".join(row.readers),
        )
        for row in TOPICS.values()
    ]
    columns = ("topic", "owner", "key", "kind", "kept", "partitions", "carries", "read by")
    screen.table("Topics", columns, rows, as_json=as_json)


def describe(topic: options.Topic, as_json: options.AsJson = False) -> None:
    """Describe a topic and the fields of its events."""
    row = TOPICS[topic]
    events = [event for event in every_event() if event.topic == topic]
    if as_json:
        about = {"topic": row.name, "owner": row.owner, "key": row.key, "readers": row.readers}
        screen.line({**about, "config": row.config, "events": [schema_of(event) for event in events]})
        return
    facts = [
        ("owner", row.owner),
        ("key", row.key),
        ("kind", _kind(row)),
        ("kept", _kept(row)),
        ("partitions", str(row.partitions)),
        ("read by", ", ".join(row.readers)),
        ("carries", row.carries),
    ]
    screen.pairs(row.name, facts)
    for event in events:
        columns = ("field", "type", "", "about")
        screen.table(f"\n{event.event_type}", columns, _fields(event), as_json=False)


def tail(
    topic: options.Topic,
    key: options.Key = None,
    event_type: options.EventType = None,
    since: options.Since = None,
    from_start: Annotated[bool, typer.Option("--from-start", help="Begin with what it holds.")] = False,
    stop_at_end: Annotated[bool, typer.Option("--no-follow", help="Stop where the topic ends now.")] = False,
    most: Annotated[int | None, typer.Option("--most", min=1, help="Stop after so many.")] = None,
    reveal: options.Reveal = False,
) -> None:
    """Print a topic's events as JSON lines, and go on with those that come, until Ctrl-C."""
    begin = _BEGINNING if from_start or (stop_at_end and since is None) else since
    records = _records(options.kafka(), topic, begin, stop_at_end)
    asyncio.run(_print(records, Filter(key, event_type), most, reveal))


def lag(
    groups: Annotated[list[str] | None, typer.Argument(help="Groups; all, when none is named.")] = None,
    as_json: options.AsJson = False,
) -> None:
    """Show how far groups are behind, per partition: records, and age of the first that waits."""
    found = asyncio.run(lags(options.kafka(), groups or None))
    columns = ("group", "topic", "partition", "committed", "end", "waiting", "age")
    screen.table("Lag", columns, map(_lag_row if not as_json else _plain_lag, found), as_json=as_json)
    for group in sorted(ELSEWHERE if not groups else ELSEWHERE.intersection(groups)):
        screen.say(
            f"{group} is not shown: it keeps its positions in its service's MongoDB, in the transactions of "
            "what it counts."
        )


def _records(
    kafka: KafkaSettings, topic: str, begin: datetime | None, stop_at_end: bool
) -> AsyncIterator[Record]:
    if stop_at_end:
        return read(kafka, topic, Extent(since=None if begin == _BEGINNING else begin))
    return follow(kafka, topic, begin)


async def _print(records: AsyncIterator[Record], wanted: Filter, most: int | None, reveal: bool) -> None:
    printed = 0
    async with aclosing(records):  # type: ignore[type-var]
        async for record in records:
            if wanted.takes(record):
                screen.line(record.as_json(reveal=reveal))
                printed += 1
                if printed == most:
                    return


def _lag_row(lag: Lag) -> tuple[object, ...]:
    age = None if lag.age_seconds is None else str(timedelta(seconds=int(lag.age_seconds)))
    return (lag.group, lag.topic, str(lag.partition), lag.committed, lag.end, lag.waiting, age)


def _plain_lag(lag: Lag) -> tuple[object, ...]:
    return (lag.group, lag.topic, lag.partition, lag.committed, lag.end, lag.waiting, lag.age_seconds)


def _kind(topic: Topic) -> str:
    return topic.kind if topic.sensitivity is Sensitivity.OPEN else f"{topic.kind}, {topic.sensitivity}"


def _kept(topic: Topic) -> str:
    if topic.retention is None:
        return "for ever"
    return f"{topic.retention.days} d" if topic.retention.days else f"{topic.retention.seconds // 3600} h"


def _fields(event: type[Event]) -> list[tuple[str, str, str, str]]:
    schema = schema_of(event)
    return [
        (
            row.place,
            row.kind,
            "" if row.required else "optional",
            " ".join(filter(None, (row.about, "personal" * row.personal))),
        )
        for row in fields(schema, schema)
    ]
