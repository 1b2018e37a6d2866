"""A loop that reads topics and stores: as many upserts an event as ours writes, one transaction a batch.

It reads JSON and computes nothing: no states, no checks, no headers. Every event of a page view or an order
touches that one's document; further upserts count something in documents that many events share.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson
import uvloop
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from pymongo import AsyncMongoClient, UpdateOne
from pymongo.write_concern import WriteConcern

from bench.figures import Figure
from bench.ground import Document, Ground

_BATCH = 500
_SHARED = 2000


@dataclass(frozen=True, slots=True)
class Drained:
    """What to read (topics without ``prefix``, ``events`` in all) and how much to write."""

    prefix: str
    topics: Sequence[str]
    events: int
    writes_per_event: float


def drain(here: Ground, what: Drained) -> Figure:
    """Measure in a process of its own, into an empty database."""
    told = {"kafka": here.kafka, "mongodb": here.mongodb_url, **asdict(what)}
    done = subprocess.run(
        [sys.executable, "-m", "bench.baselines.drain"],
        input=json.dumps(told),
        capture_output=True,
        text=True,
        check=True,
    )
    return Figure(**json.loads(done.stdout))


async def _run(kafka: str, mongodb: str, what: Drained) -> Figure:
    topics = [what.prefix + topic for topic in what.topics]
    consumer = AIOKafkaConsumer(
        *topics, bootstrap_servers=kafka, auto_offset_reset="earliest", isolation_level="read_committed"
    )
    await consumer.start()
    client = AsyncMongoClient[Document](mongodb, w="majority")
    await client.drop_database("bench_drain")
    store = _Store(client, what.writes_per_event)
    try:
        started, read = time.perf_counter(), 0
        while read < what.events:
            fetched = await consumer.getmany(timeout_ms=1000, max_records=_BATCH)
            await store.take(fetched)
            read += sum(map(len, fetched.values()))
        return Figure(read / (time.perf_counter() - started))
    finally:
        await client.close()
        await consumer.stop()


class _Store:
    def __init__(self, client: AsyncMongoClient[Document], writes_per_event: float) -> None:
        self._client = client
        self._db = client["bench_drain"]
        self._per_event = writes_per_event
        self._owed = 0.0

    async def take(self, fetched: dict[TopicPartition, Sequence[ConsumerRecord]]) -> None:
        """Write a batch and the positions behind it."""
        values = [orjson.loads(record.value) for records in fetched.values() for record in records]
        positions = {f"{place.topic}/{place.partition}": at[-1].offset + 1 for place, at in fetched.items()}
        async with (
            self._client.start_session() as session,
            await session.start_transaction(write_concern=WriteConcern("majority")),
        ):
            moves = [
                UpdateOne({"_id": id}, {"$set": {"next": at}}, upsert=True) for id, at in positions.items()
            ]
            await self._db.positions.bulk_write(moves, ordered=False, session=session)
            if writes := self._writes(values):
                await self._db.state.bulk_write(writes, ordered=False, session=session)

    def _writes(self, values: Sequence[dict[str, Any]]) -> list[UpdateOne]:
        ids = list(dict.fromkeys(value.get("view_id") or value["order_id"] for value in values))
        self._owed += len(values) * self._per_event
        count, self._owed = int(self._owed), self._owed % 1
        shared = [f"shared_{number % _SHARED}" for number in range(count - len(ids))]
        return [UpdateOne({"_id": id}, {"$inc": {"count": 1}}, upsert=True) for id in [*ids, *shared][:count]]


def main() -> None:
    """Do what standard input says; print the figure as JSON."""
    told = json.load(sys.stdin)
    kafka, mongodb = told.pop("kafka"), told.pop("mongodb")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        figure = runner.run(_run(kafka, mongodb, Drained(**told)))
    sys.stdout.write(json.dumps(asdict(figure)))


if __name__ == "__main__":
    main()
