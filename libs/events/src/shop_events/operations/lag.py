"""How far each consumer group is behind: by records, and by the age of the first one it has not taken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from shop_events.kafka import KafkaSettings

_WITHIN_SECONDS = 10.0

ELSEWHERE = frozenset({"analytics.streams"})
"""Groups that keep their positions in their own database: what Kafka has of them is not how far they are."""


@dataclass(frozen=True, slots=True)
class Lag:
    """One partition as one group has read it.

    Args:
        committed: the offset it goes on from.
        end: the offset after the last record that can be read.
        waiting: records between them; those that mark transactions count, unless nothing else is there.
        age_seconds: age of the first record that waits; None when there is none.
    """

    group: str
    topic: str
    partition: int
    committed: int
    end: int
    waiting: int
    age_seconds: float | None


async def lags(kafka: KafkaSettings, groups: Iterable[str] | None = None) -> list[Lag]:
    """Return the lag of ``groups`` (None: of all that have ever committed), sorted by place.

    Those of ELSEWHERE are left out.

    Raises KafkaError.
    """
    async with _admin(kafka) as admin:
        named = groups if groups is not None else await _known_groups(admin, kafka)
        names = sorted(set(named) - ELSEWHERE)
        committed = {group: await admin.list_consumer_group_offsets(kafka.named(group)) for group in names}
    found: list[Lag] = []
    if not any(committed.values()):
        return found  # aiokafka cannot stop a client that was never asked for anything
    async with _reader(kafka) as client:
        for group, offsets in committed.items():
            positions = {place: each.offset for place, each in offsets.items() if each.offset >= 0}
            found += await _of_group(client, kafka, group, positions)
    return sorted(found, key=lambda lag: (lag.group, lag.topic, lag.partition))


@asynccontextmanager
async def _admin(kafka: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**kafka.connection())
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


@asynccontextmanager
async def _reader(kafka: KafkaSettings) -> AsyncIterator[AIOKafkaConsumer]:
    client = AIOKafkaConsumer(
        **kafka.connection(), enable_auto_commit=False, isolation_level="read_committed"
    )
    await client.start()
    try:
        yield client
    finally:
        await client.stop()


async def _known_groups(admin: AIOKafkaAdminClient, kafka: KafkaSettings) -> list[str]:
    names = {group for group, _ in await admin.list_consumer_groups()}
    return sorted(kafka.bare(name) for name in names if name.startswith(kafka.topic_prefix))


async def _of_group(
    client: AIOKafkaConsumer, kafka: KafkaSettings, group: str, positions: Mapping[TopicPartition, int]
) -> list[Lag]:
    ends = await client.end_offsets(list(positions)) if positions else {}
    behind = {place: offset for place, offset in positions.items() if offset < ends[place]}
    first = await _first_times(client, behind, ends)
    now = datetime.now(UTC)
    return [
        Lag(
            group,
            kafka.bare(place.topic),
            place.partition,
            offset,
            ends[place],
            waiting=ends[place] - offset if place in first else 0,
            age_seconds=max((now - first[place]).total_seconds(), 0) if place in first else None,
        )
        for place, offset in positions.items()
    ]


async def _first_times(
    client: AIOKafkaConsumer, behind: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
) -> dict[TopicPartition, datetime]:
    """Return when the first record at or after each offset was written, where there is one."""
    times: dict[TopicPartition, datetime] = {}
    client.assign(list(behind))
    for place, offset in behind.items():
        client.seek(place, offset)
    pending = set(behind)
    with suppress(TimeoutError):
        async with asyncio.timeout(_WITHIN_SECONDS):
            while pending:
                for place, records in (await client.getmany(timeout_ms=200)).items():
                    times.setdefault(place, datetime.fromtimestamp(records[0].timestamp / 1000, UTC))
                done = {p for p in pending if p in times or await client.position(p) >= ends[p]}
                client.pause(*done)
                pending -= done
    return times
