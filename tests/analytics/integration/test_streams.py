"""The streams as they run: Faust, Kafka, MongoDB, workers that come, go and are killed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from shop_analytics.main import STREAMS_GROUP, stream_worker
from shop_analytics.settings import AnalyticsSettings
from shop_analytics.store import positions
from shop_analytics.store.positions import POSITIONS
from shop_analytics.store.schema import migrate
from shop_analytics.store.unit_of_work import Transact
from shop_chassis.supervision import Part, supervise
from shop_events import migrations
from shop_events.admin import ensure_topics
from shop_events.contracts import Event
from shop_events.contracts.analytics import ALERTS, AlertRaised
from shop_events.contracts.catalog import ORDERS
from shop_events.contracts.identity import ACCESS
from shop_events.contracts.session import ACTIVITY, SESSIONS, SessionStarted
from shop_events.envelope import Message, decode, headers_of
from shop_events.kafka import KafkaSettings
from shop_events.outbox import OUTBOX, message_of
from shop_events.topics import dead_letters
from shop_events.waiting import Backoff
from tests.analytics.conftest import (
    NOON,
    Database,
    Streams,
    engaged,
    failed,
    message,
    paid,
    view,
    vitals,
)
from tests.databases import Databases
from tests.processes import service

pytestmark = pytest.mark.integration

Work = Callable[[Sequence[Event | Message]], Awaitable[None]]


@pytest.fixture
async def db(databases: Databases) -> AsyncIterator[Database]:
    """Not the others' one, since what a killed process had open goes on for a while."""
    async with databases.own(migrations.migrate, migrate) as database:
        yield database


@pytest.fixture
async def settings(kafka_bootstrap: str, topic_prefix: str) -> AnalyticsSettings:
    await ensure_topics(KafkaSettings(bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix))
    return AnalyticsSettings(kafka_bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix)


@pytest.fixture
async def produce(settings: AnalyticsSettings) -> AsyncIterator[Work]:
    producer = AIOKafkaProducer(**settings.kafka.connection(), linger_ms=5)
    await producer.start()

    async def send(events: Sequence[Event | Message]) -> None:
        messages = [event if isinstance(event, Message) else message(event) for event in events]
        waiting = [await producer.send(**record(settings.kafka, each)) for each in messages]
        await asyncio.gather(*waiting)

    yield send
    await producer.stop()


def record(kafka: KafkaSettings, message: Message) -> dict[str, Any]:
    headers = [(name, value.encode()) for name, value in message.headers.items()]
    key = message.key.encode()
    return {"topic": kafka.named(message.topic), "value": message.value, "key": key, "headers": headers}


def shopping(visitors: range, pages: int = 20) -> tuple[list[Event], dict[str, int]]:
    """Return events, and what they must add up to."""
    events: list[Event] = []
    for visitor in visitors:
        for step in range(pages):
            at = NOON + timedelta(seconds=step * 3)
            page = view(f"vis_{visitor}", f"prd_{(visitor + step) % 9}", at)
            events += [page, engaged(page, 700), engaged(page, 1000, 9)]
        events.append(paid(f"ord_{visitor}", f"usr_{visitor}", "prd_1", "prd_2"))
    random.shuffle(events)
    views = len(visitors) * pages
    return events, {"views": views, "engaged_ms": views * 1000, "purchases": len(visitors)}


class Workers:
    """Workers of the streams in this process."""

    def __init__(self, settings: AnalyticsSettings, transact: Transact, db: Database) -> None:
        self._settings, self._transact, self._db = settings, transact, db
        self._running: list[tuple[asyncio.Task[None], asyncio.Event]] = []

    def start(self) -> None:
        worker = stream_worker(self._settings, self._transact, self._db)
        stop = asyncio.Event()
        part = Part("streams", worker.run, lambda: worker.ready)
        self._running.append((asyncio.create_task(supervise(part, stop, Backoff(first=0.1))), stop))

    async def end(self, *, politely: bool = True) -> None:
        """Stop the oldest worker, or cut it off."""
        task, stop = self._running.pop(0)
        stop.set() if politely else task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def counts(self, *names: str) -> dict[str, int]:
        totals = await self._transact.read(lambda uow: uow.days.sum())
        return {name: totals[name] for name in names}

    async def until(self, expected: dict[str, int], seconds: float = 60) -> None:
        deadline = asyncio.get_running_loop().time() + seconds
        while (counts := await self.counts(*expected)) != expected:
            assert asyncio.get_running_loop().time() < deadline, f"{counts} instead of {expected}"
            await asyncio.sleep(0.1)

    async def counting(self, at_least: int) -> None:
        async with asyncio.timeout(60):
            while (await self.counts("views"))["views"] < at_least:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@pytest.fixture
async def workers(settings: AnalyticsSettings, transact: Transact, db: Database) -> AsyncIterator[Workers]:
    running = Workers(settings, transact, db)
    yield running
    while running._running:
        await running.end()


async def test_what_is_in_the_topics_is_counted(workers: Workers, produce: Work) -> None:
    events, expected = shopping(range(20))
    await produce(events)
    workers.start()
    await workers.until(expected)


async def test_workers_that_come_go_and_are_cut_off_count_everything_once(
    workers: Workers, produce: Work
) -> None:
    events, expected = shopping(range(120))
    third = len(events) // 3
    workers.start()
    await produce(events[:third])
    await workers.counting(100)
    workers.start()
    await produce(events[third : 2 * third])
    await workers.counting(700)
    await workers.end(politely=False)
    await produce(events[2 * third :])
    workers.start()
    await workers.counting(1200)
    await workers.end()
    await workers.until(expected)
    await asyncio.sleep(0.5)
    assert await workers.counts(*expected) == expected


async def test_records_of_an_aborted_kafka_transaction_are_no_events(
    workers: Workers, produce: Work, settings: AnalyticsSettings
) -> None:
    kafka = settings.kafka
    producer = AIOKafkaProducer(**kafka.connection(), transactional_id=kafka.named("t"))
    await producer.start()
    await producer.begin_transaction()
    for number in range(5):
        await producer.send(**record(kafka, message(paid(f"ord_a{number}", "usr_1", "prd_1"))))
    await producer.flush()
    await producer.abort_transaction()
    await producer.stop()
    events, expected = shopping(range(5))
    await produce(events)
    workers.start()
    await workers.until(expected)


async def test_a_batch_that_fails_takes_the_streams_down_and_they_come_back(
    workers: Workers, produce: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shop_analytics.streams.batches import Batches

    real, left = Batches.handle, iter(range(2))

    async def handle(self: Batches, records: Any) -> None:
        if next(left, None) is not None:
            raise RuntimeError("something is wrong here")
        await real(self, records)

    monkeypatch.setattr(Batches, "handle", handle)
    events, expected = shopping(range(5))
    await produce(events)
    workers.start()
    await workers.until(expected)


async def test_a_broken_record_is_a_dead_letter_and_the_next_is_counted(
    workers: Workers, produce: Work, db: Database
) -> None:
    broken = message(view("vis_1", "prd_1"))
    await produce([Message(broken.topic, broken.key, broken.headers, b"no json"), view("vis_1", "prd_2")])
    workers.start()
    await workers.until({"views": 1})
    (row,) = [row async for row in db[OUTBOX].find({"topic": dead_letters("analytics")})]
    assert message_of(row).value == b"no json"


async def forget_offsets(kafka: KafkaSettings) -> None:
    """Do what an operator does with Kafka's tools: let the group begin at the beginning."""
    consumer = AIOKafkaConsumer(
        **kafka.connection(), group_id=kafka.named(STREAMS_GROUP), enable_auto_commit=False
    )
    await consumer.start()
    names = [kafka.named(name) for name in (ACTIVITY, ORDERS, ACCESS)]
    places = [TopicPartition(name, number) for name in names for number in range(6)]
    consumer.assign(places)
    await consumer.commit(dict.fromkeys(places, 0))
    await consumer.stop()


@pytest.mark.parametrize("to", [0, 7])
async def test_a_range_that_is_read_again_changes_no_count_and_raises_no_alert(
    workers: Workers, produce: Work, settings: AnalyticsSettings, streams: Streams, to: int
) -> None:
    events, expected = shopping(range(40))
    attack = [failed("usr_victim", NOON + timedelta(seconds=each * 0.3)) for each in range(30)]
    started = [SessionStarted(visitor_id=f"vis_{each}", at=NOON) for each in range(40)]
    await produce([*events, *attack, *started])
    workers.start()
    await workers.until({**expected, "sessions": 40})
    async with asyncio.timeout(30):
        while len(await streams.told(AlertRaised)) < 1:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await workers.end()
    counted = await streams.counts()

    await forget_offsets(settings.kafka)
    for topic in (ACTIVITY, ORDERS, ACCESS, SESSIONS):
        assert await positions.rewind(streams.db[POSITIONS], topic, to) > 0
    assert await streams.counts() != counted
    workers.start()
    async with asyncio.timeout(60):
        while (await streams.counts())["positions"] != counted["positions"]:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    await workers.end()
    assert await streams.counts() == counted
    assert len(await streams.told(AlertRaised)) == 1


@pytest.fixture
def environment(mongo_url: str, settings: AnalyticsSettings, db: Database) -> dict[str, str]:
    return {
        "MONGODB_URL": mongo_url,
        "MONGODB_DATABASE": db.name,
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "TOPIC_PREFIX": settings.topic_prefix,
        "ALERT_INTERVAL_SECONDS": "300",
    }


async def test_a_process_that_is_killed_at_any_moment_loses_and_doubles_nothing_and_alerts_once(
    environment: dict[str, str], workers: Workers, produce: Work, settings: AnalyticsSettings
) -> None:
    events, expected = shopping(range(150))
    attack = [failed("usr_victim", NOON + timedelta(seconds=each * 0.3)) for each in range(100)]
    shortage = vitals("catalog-1", *((each * 15, 0.08) for each in range(30)))
    await produce([*events[:4000], *attack[:3], *shortage[:5]])
    async with service("shop_analytics", environment, "worker") as running:
        await workers.counting(random.randrange(1, 600))
        running.process.kill()
    await produce([*events[4000:], *attack[3:], *shortage[5:]])
    async with service("shop_analytics", environment, "worker") as running:
        await workers.counting(random.randrange(600, 2500))
        running.process.kill()
    async with service("shop_analytics", environment, "worker") as running:
        await running.until_ready()
        await workers.until(expected)
        await raised_alerts(settings, 2)
        await asyncio.sleep(1)
        raised = [alert.fingerprint for alert in await raised_alerts(settings, 2)]
    assert sorted(raised) == ["login-failures:usr_victim", "low-memory:catalog-1"]


async def raised_alerts(settings: AnalyticsSettings, at_least: int) -> list[AlertRaised]:
    """Return what the topic holds once there is so much; what a killed relay published again, once."""
    from tests.events.conftest import System

    system = System(None, None, settings.kafka)  # type: ignore[arg-type]
    raised: dict[str, AlertRaised] = {}
    async with asyncio.timeout(30):
        while len(raised) < at_least:
            for each in await system.read(ALERTS):
                message = Message(ALERTS, each.key.decode(), headers_of(each.headers), each.value)
                received = decode(message)
                if isinstance(received.event, AlertRaised):
                    raised[received.envelope.id] = received.event
    return list(raised.values())
