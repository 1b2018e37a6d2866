"""From the start of the transaction that publishes to the commit of the one that handles, at a steady rate.

Beside records that are produced and read without any database.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Any

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from pymongo import InsertOne

from bench.events.made_up import TOPIC, database, paid, transactor
from bench.figures import Comparison, Contender, Effort, Figure, percentile
from bench.ground import Ground
from shop_events.consumer import Consumer
from shop_events.contracts import Fact
from shop_events.contracts.catalog import OrderPaid
from shop_events.handlers import Subscriptions, on
from shop_events.kafka import KafkaSettings
from shop_events.relay import OutboxRelay
from shop_events.unit_of_work import UnitOfWork

A_SECOND = 1000
_TRANSACTIONS_A_SECOND = 50
_TOGETHER = A_SECOND // _TRANSACTIONS_A_SECOND


def compare(here: Ground, effort: Effort) -> list[Comparison]:
    """Compare Kafka alone with outbox, relay, Kafka, inbox and effect."""

    def fresh() -> KafkaSettings:
        prefix = f"l{secrets.token_hex(2)}."
        here.topics(prefix)
        return KafkaSettings(bootstrap_servers=here.kafka, topic_prefix=prefix)

    rounds = effort.alternate(
        [
            Contender("produced and read, no database", lambda: uvloop.run(_bare(fresh(), effort.seconds))),
            Contender("outbox to effect", lambda: uvloop.run(_ours(here, fresh(), effort.seconds))),
        ]
    )
    return [
        Comparison("latency at 1,000 events a second", "events", rounds, most_p50_ms=40.0, most_p99_ms=120.0)
    ]


class _Clock:
    """When each event set out and arrived; the first second does not count."""

    def __init__(self, seconds: float) -> None:
        self.total = int((seconds + 1) * A_SECOND)
        self.all_arrived = asyncio.Event()
        self._sent: dict[str, float] = {}
        self._took: list[float] = []
        self._arrived = 0

    async def pace(self, send: Any) -> None:
        """Call ``send`` with the numbers of some events, at a steady pace whatever that takes."""
        started = time.perf_counter()
        sending = []
        for number in range(0, self.total, _TOGETHER):
            await asyncio.sleep(max(0.0, started + number / A_SECOND - time.perf_counter()))
            numbers = range(number, number + _TOGETHER)
            now = time.perf_counter()
            self._sent.update((f"ord_{each:032x}", now) for each in numbers)
            sending.append(asyncio.create_task(send(numbers)))
        await asyncio.gather(*sending)

    def arrived(self, order_id: str) -> None:
        """Note that an event has arrived."""
        self._arrived += 1
        if self._arrived > A_SECOND:
            self._took.append(time.perf_counter() - self._sent[order_id])
        if self._arrived >= self.total:
            self.all_arrived.set()

    def figure(self) -> Figure:
        """Return the rate that was kept up and how long events took."""
        took = sorted(self._took)
        return Figure(A_SECOND, percentile(took, 0.5) * 1000, percentile(took, 0.99) * 1000)


async def _bare(kafka: KafkaSettings, seconds: float) -> Figure:
    clock = _Clock(seconds)
    topic = kafka.named(TOPIC)
    producer = AIOKafkaProducer(**kafka.connection(), acks="all", enable_idempotence=True)
    consumer = AIOKafkaConsumer(topic, **kafka.connection(), auto_offset_reset="earliest")

    async def send(numbers: range) -> None:
        for number in numbers:
            key = f"ord_{number:032x}".encode()
            await producer.send(topic, b"x" * 200, key=key)

    async def receive() -> None:
        async for record in consumer:
            clock.arrived((record.key or b"").decode())

    async with producer, consumer:
        receiving = asyncio.create_task(receive())
        await clock.pace(send)
        await clock.all_arrived.wait()
        receiving.cancel()
    return clock.figure()


async def _ours(here: Ground, kafka: KafkaSettings, seconds: float) -> Figure:
    clock = _Clock(seconds)

    @on(OrderPaid, effect="receipt:{order_id}")
    async def handler(uow: UnitOfWork, event: OrderPaid) -> None:
        uow.write("effects", InsertOne({"_id": event.order_id}))
        uow.on_commit.append(lambda: clock.arrived(event.order_id))

    async with database(here) as (client, db), database(here) as (reader, theirs):
        transact = transactor(client, db)

        async def publish(uow: UnitOfWork, numbers: range) -> None:
            uow.publish(Fact(paid(number), 1) for number in numbers)

        relay = OutboxRelay(client, db, kafka, "catalog")
        group = Subscriptions("notifier", [handler])
        consumer = Consumer(theirs, kafka, group, transactor(reader, theirs))
        stop = asyncio.Event()
        running = [asyncio.create_task(part.run(stop)) for part in (relay, consumer)]
        while not consumer.ready:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await clock.pace(lambda numbers: transact(publish, numbers))
        await clock.all_arrived.wait()
        stop.set()
        await asyncio.gather(*running)
    return clock.figure()
