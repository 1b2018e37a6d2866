"""The outbox relay: publishes a database's outbox in commit order, one active relay per database.

What a crash or a long pause can do, and why it is harmless:

* Before the Kafka transaction commits: nothing is visible, the rows are read again.
* After it, before the token is saved: the same rows are published again, in the same order, under the same
  ids; readers know the ids, and every compacted key ends at its newest record again.
* A relay that was paused past its lease: its successor opened the same ``transactional.id``, so the broker
  refuses what it still wants to publish, and its save fails on the lease.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from bson import Timestamp
from pymongo import AsyncMongoClient, WriteConcern
from pymongo.asynchronous.change_stream import AsyncChangeStream
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure, PyMongoError

from shop_events import metrics
from shop_events.ids import new_event_id
from shop_events.kafka import KafkaSettings
from shop_events.lease import Lease, LeaseLost
from shop_events.outbox import OUTBOX, message_of
from shop_events.unit_of_work import is_transient
from shop_events.waiting import Backoff, wait_for

RELAY_STATE = "outbox_relay"
_STATE_ID = "position"
_LARGEST_BATCH = 1000
_ACKNOWLEDGED_WITHIN = 30.0

log = structlog.get_logger(__name__)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Change:
    token: dict[str, Any]
    at: Timestamp
    row: Row


class OutboxRelay:
    """Publishes the outbox of one database for as long as it holds the lease; stands by otherwise.

    Args:
        client: the MongoDB client of ``db``, a replica set.
        db: the service's database.
        kafka: where to publish.
        service: the service's name; with the topic prefix it makes the ``transactional.id``.
        lease_ttl: how long after the last sign of life another relay may take over.
    """

    def __init__(
        self,
        client: AsyncMongoClient[Any],
        db: AsyncDatabase[Any],
        kafka: KafkaSettings,
        service: str,
        lease_ttl: timedelta = timedelta(seconds=10),
    ) -> None:
        self._client = client
        self._db = db
        self._kafka = kafka
        self._transactional_id = kafka.named(f"{service}-outbox")
        self._ttl = lease_ttl.total_seconds()
        self._holder = f"{socket.gethostname()}-{os.getpid()}-{new_event_id()}"
        self._lease = Lease(db, "outbox-relay", self._holder, lease_ttl)
        self._swept_until: Timestamp | None = None
        self.healthy = True

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until ``stop`` is set. Failures are logged, counted and tried again with growing pauses."""
        backoff = Backoff()
        while not stop.is_set():
            try:
                if await self._lease.acquire():
                    await self._lead(stop, backoff)
                else:
                    self.healthy = True
                    await wait_for(stop, self._ttl / 3)
            except Exception as error:
                reason = type(error).__name__
                metrics.RELAY_FAILURES.labels(reason).inc()
                self.healthy = isinstance(error, LeaseLost)
                log.warning("outbox relay starts again", reason=reason, detail=str(error)[:200])
                await backoff.pause(stop)
        with suppress(PyMongoError):
            await self._lease.release()

    async def _lead(self, stop: asyncio.Event, backoff: Backoff) -> None:
        async with self._producer() as producer:
            # Opening the producer fenced every earlier one. If the lease went meanwhile, its new holder
            # will be told by the broker and open its producer again.
            await self._hold()
            metrics.RELAY_LEADS.set(1)
            try:
                await _first_of(
                    self._keep_lease(),
                    self._follow(producer, backoff),
                    stop.wait(),
                )
            finally:
                metrics.RELAY_LEADS.set(0)

    @asynccontextmanager
    async def _producer(self) -> AsyncIterator[AIOKafkaProducer]:
        producer = AIOKafkaProducer(
            **self._kafka.connection(),
            transactional_id=self._transactional_id,
            transaction_timeout_ms=int(_ACKNOWLEDGED_WITHIN * 1000),
            compression_type="lz4",
            max_batch_size=1 << 18,
            max_request_size=4 << 20,
        )
        try:
            async with asyncio.timeout(_ACKNOWLEDGED_WITHIN):
                await producer.start()
            yield producer
        finally:
            with suppress(Exception):
                async with asyncio.timeout(5):
                    await producer.stop()

    async def _keep_lease(self) -> None:
        while True:
            await asyncio.sleep(self._ttl / 3)
            await self._hold()

    async def _hold(self) -> None:
        if not await self._lease.renew():
            raise LeaseLost("outbox-relay")

    async def _follow(self, producer: AIOKafkaProducer, backoff: Backoff) -> None:
        async with await self._open_stream(producer) as stream:
            self.healthy = True
            backoff.reset()
            changes: asyncio.Queue[_Change] = asyncio.Queue(2 * _LARGEST_BATCH)
            await _first_of(_pump(stream, changes), self._publish_all(producer, changes))

    async def _open_stream(self, producer: AIOKafkaProducer) -> AsyncChangeStream[Any]:
        """Open the change stream where the last relay stopped, or sweep when that place is gone."""
        state = await self._db[RELAY_STATE].find_one({"_id": _STATE_ID})
        if state:
            try:
                return await self._watch(state["token"])
            except OperationFailure as error:
                if is_transient(error):
                    raise
                log.warning("resume token unusable, sweeping the outbox", code=error.code)
        stream = await self._watch(None)
        try:
            await self._sweep(producer, stream.resume_token)
        except BaseException:
            await stream.close()
            raise
        return stream

    async def _watch(self, token: Any) -> AsyncChangeStream[Any]:
        return await self._db[OUTBOX].watch(
            [{"$match": {"operationType": "insert"}}, {"$project": {"fullDocument": 1, "clusterTime": 1}}],
            resume_after=token,
            max_await_time_ms=2000,
        )

    async def _sweep(self, producer: AIOKafkaProducer, token: Any) -> None:
        """Publish every row there is, in the order of each key's sequence.

        The stream was opened before, so what is committed later comes through it; what comes through it
        although it was swept is recognised by its missing row.
        """
        rows: list[Row] = []
        async for row in self._db[OUTBOX].find().sort([("key", 1), ("sequence", 1), ("_id", 1)]):
            rows.append(row)
            if len(rows) == _LARGEST_BATCH:
                await self._publish(producer, rows, None)
                rows = []
        await self._publish(producer, rows, token)
        hello = await self._db.command("hello")
        self._swept_until = hello["$clusterTime"]["clusterTime"]

    async def _publish_all(self, producer: AIOKafkaProducer, changes: asyncio.Queue[_Change]) -> None:
        while True:
            batch = [await changes.get()]
            while not changes.empty() and len(batch) < _LARGEST_BATCH:
                batch.append(changes.get_nowait())
            await self._publish(producer, await self._not_swept(batch), batch[-1].token)

    async def _not_swept(self, batch: Sequence[_Change]) -> list[Row]:
        rows = [change.row for change in batch]
        if self._swept_until is None:
            return rows
        if batch[0].at > self._swept_until:
            self._swept_until = None
            return rows
        ids = [row["_id"] for row in rows]
        waiting = {row["_id"] async for row in self._db[OUTBOX].find({"_id": {"$in": ids}}, {"_id": 1})}
        return [row for row in rows if row["_id"] in waiting]

    async def _publish(self, producer: AIOKafkaProducer, rows: Sequence[Row], token: Any) -> None:
        if rows:
            async with asyncio.timeout(_ACKNOWLEDGED_WITHIN):
                await self._transmit(producer, rows)
        await self._save(rows, token)

    async def _transmit(self, producer: AIOKafkaProducer, rows: Sequence[Row]) -> None:
        async with producer.transaction():
            sent = []
            for row in rows:
                message = message_of(row)
                headers = [(name, value.encode()) for name, value in message.headers.items()]
                topic = self._kafka.named(message.topic)
                sent.append(
                    await producer.send(topic, message.value, key=message.key.encode(), headers=headers)
                )
            await asyncio.gather(*sent)
        for row in rows:
            metrics.PUBLISHED.labels(row["topic"]).inc()

    async def _save(self, rows: Sequence[Row], token: Any) -> None:
        """Forget exactly the acknowledged rows and remember the place, if the lease is still ours."""

        async def save(session: AsyncClientSession) -> None:
            await self._lease.assert_held(session)
            if token is not None:
                await self._db[RELAY_STATE].update_one(
                    {"_id": _STATE_ID}, {"$set": {"token": token}}, upsert=True, session=session
                )
            if rows:
                ids = [row["_id"] for row in rows]
                await self._db[OUTBOX].delete_many({"_id": {"$in": ids}}, session=session)

        async with self._client.start_session() as session:
            await session.with_transaction(save, write_concern=WriteConcern("majority"))


async def _pump(stream: AsyncChangeStream[Any], changes: asyncio.Queue[_Change]) -> None:
    async for change in stream:
        await changes.put(_Change(change["_id"], change["clusterTime"], change["fullDocument"]))
    raise ConnectionError("the change stream ended")


async def _first_of(*works: Any) -> None:
    """Run all until the first one ends, then cancel the others; raise what it raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
