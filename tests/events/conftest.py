"""A small system for the backbone's tests: a database, a few topics, relays and consumers."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from shop_devstack import children, folders, jars, ports
from shop_devstack.java import find_java
from shop_devstack.kafka import Broker, is_ready
from shop_events import admin, migrations
from shop_events.consumer import Consumer
from shop_events.contracts import Event, Fact, Money
from shop_events.contracts.catalog import OrderPaid, ProductChanged
from shop_events.envelope import Message, encode, envelope_for
from shop_events.handlers import Handler, Subscriptions
from shop_events.kafka import KafkaSettings
from shop_events.read_model import ReadModel
from shop_events.relay import OutboxRelay
from shop_events.topics import TOPICS, dead_letters, replay
from shop_events.unit_of_work import Transactor, UnitOfWork
from tests.databases import Databases

GROUP = "notifier"
USED = ("catalog.orders.v1", "catalog.products.v1", "identity.keys.v1", dead_letters(GROUP), replay(GROUP))


def paid(order_id: str, user_id: str = "usr_1", amount: int = 100) -> OrderPaid:
    return OrderPaid(
        order_id=order_id,
        user_id=user_id,
        lines=(),
        total=Money(amount=amount, currency="GBP"),
        paid_at=datetime.now(UTC),
    )


def product(product_id: str, title: str = "a lamp") -> ProductChanged:
    return ProductChanged(
        product_id=product_id,
        sku=product_id,
        title=title,
        price=Money(amount=1, currency="GBP"),
        available=True,
    )


@dataclass
class System:
    """One service's database and its topics."""

    client: AsyncMongoClient[Any]
    db: AsyncDatabase[Any]
    kafka: KafkaSettings

    @property
    def transact(self) -> Transactor[UnitOfWork]:
        return Transactor(self.client, self.db, lambda db, session: UnitOfWork(db, session, "catalog"))

    async def publish(self, *facts: Fact) -> None:
        async def work(uow: UnitOfWork) -> None:
            uow.publish(facts)

        await self.transact(work)

    def relay(self, **options: Any) -> OutboxRelay:
        return OutboxRelay(self.client, self.db, self.kafka, "catalog", **options)

    def consumer(self, *handlers: Handler[Any], **options: Any) -> Consumer:
        return Consumer(self.db, self.kafka, Subscriptions(GROUP, handlers), self.transact, **options)

    async def produce(self, *messages: Message) -> None:
        """Put records into topics directly, in one go."""
        producer = AIOKafkaProducer(**self.kafka.connection())
        await producer.start()
        try:
            for message in messages:
                headers = [(name, value.encode()) for name, value in message.headers.items()]
                topic = self.kafka.named(message.topic)
                await producer.send(topic, message.value, key=message.key.encode(), headers=headers)
            await producer.flush()
        finally:
            await producer.stop()

    async def tell(self, *events: Event, sequence: int = 1) -> list[Message]:
        messages = [encode(envelope_for(Fact(event, sequence), "catalog"), event) for event in events]
        await self.produce(*messages)
        return messages

    async def read(self, topic: str, isolation: str = "read_committed") -> list[ConsumerRecord]:
        """Return what a reader that starts now finds in a topic."""
        consumer = AIOKafkaConsumer(
            self.kafka.named(topic),
            **self.kafka.connection(),
            isolation_level=isolation,
            auto_offset_reset="earliest",
        )
        await consumer.start()
        try:
            places = list(consumer.assignment())
            ends = await consumer.end_offsets(places)
            found: list[ConsumerRecord] = []
            while any([await consumer.position(place) < ends[place] for place in places]):
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    found.extend(records)
            return found
        finally:
            await consumer.stop()


@pytest.fixture
async def system(databases: Databases, kafka_bootstrap: str, topic_prefix: str) -> AsyncIterator[System]:
    kafka = KafkaSettings(bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix)
    await admin.ensure_topics(kafka, [TOPICS[name] for name in USED])
    async with databases.empty(migrations.migrate) as db:
        yield System(db.client, db, kafka)


@asynccontextmanager
async def running(*parts: Any) -> AsyncIterator[None]:
    """Run relays and consumers for the block, then stop them as a process would."""
    stop = asyncio.Event()
    tasks = [asyncio.create_task(part.run(stop)) for part in parts]
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait(tasks, timeout=20)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def eventually(condition: Callable[[], Any], seconds: float = 20) -> Any:
    """Wait until ``condition`` (sync or async) is true and return what it returned."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        result = condition()
        if asyncio.iscoroutine(result):
            result = await result
        if result:
            return result
        assert asyncio.get_running_loop().time() < deadline, f"not within {seconds} s"
        await asyncio.sleep(0.02)


class OwnBroker:
    """A Kafka of one test alone, which may be stopped, killed and started again under the same address."""

    def __init__(self, folder: Path) -> None:
        port, controller_port = ports.free_ports(2)
        self._broker = Broker(
            find_java(), jars.fetch(folders.jar_cache(), jars.read_lock()), folder, port, controller_port
        )
        self._broker.prepare()
        self._log = folder / "kafka.log"
        self._child: Popen[bytes] | None = None
        self.settings = KafkaSettings(bootstrap_servers=self._broker.bootstrap)

    def start(self) -> None:
        argv = children.bound_to_parent(self._broker.command)
        with self._log.open("ab") as log:
            self._child = Popen(argv, stdout=log, stderr=log, start_new_session=True)

    async def answers(self) -> None:
        await eventually(lambda: asyncio.to_thread(is_ready, self.settings), seconds=60)

    def signal(self, number: int) -> None:
        """SIGSTOP: it falls silent. SIGCONT: it answers again. SIGKILL: it is gone."""
        assert self._child
        os.killpg(self._child.pid, number)
        if number == signal.SIGKILL:
            self._child.wait()


@pytest.fixture
async def own_broker(tmp_path: Path) -> AsyncIterator[OwnBroker]:
    broker = OwnBroker(tmp_path)
    broker.start()
    try:
        await broker.answers()
        await admin.ensure_topics(broker.settings, topics=[TOPICS[name] for name in USED])
        yield broker
    finally:
        with suppress(ProcessLookupError):
            broker.signal(signal.SIGKILL)


def products_of(uow: UnitOfWork) -> ReadModel:
    return ReadModel(uow.db["products"], uow.session)
