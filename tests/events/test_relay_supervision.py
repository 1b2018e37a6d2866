"""The relay when its parts fail it: a silent broker, a dead or fenced producer, a stream that ends."""

import asyncio
import signal
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from shop_events import admin, producing
from shop_events.contracts import Fact
from shop_events.envelope import Message
from shop_events.metrics import OUTBOX_REFUSED, RELAY_FAILURES
from shop_events.outbox import OUTBOX, row_of
from shop_events.producing import TransactionalPublisher, transactional_publisher
from shop_events.relay import RELAY_STATE, OutboxRelay
from shop_events.topics import TOPICS
from tests.events.conftest import OwnBroker, System, eventually, product, running

PRODUCTS = "catalog.products.v1"
STOCK = "catalog.stock.v1"  # no topic of this name is made for these tests
SOON = timedelta(seconds=1)


async def drained(system: System) -> bool:
    return await system.db[OUTBOX].count_documents({}) == 0


async def sequences(system: System, topic: str = PRODUCTS) -> list[int]:
    return [int(dict(record.headers)["ce_sequence"]) for record in await system.read(topic)]


class Observed(OutboxRelay):
    """Keeps the publishers it opens."""

    opened: list[TransactionalPublisher]

    def _publisher(self) -> AbstractAsyncContextManager[TransactionalPublisher]:
        @asynccontextmanager
        async def remembered() -> Any:
            async with super(Observed, self)._publisher() as publisher:
                self.opened = [*getattr(self, "opened", []), publisher]
                yield publisher

        return remembered()


async def test_a_producer_whose_sender_died_is_replaced(system: System) -> None:
    relay = Observed(system.client, system.db, system.kafka, "catalog", acknowledged_within=SOON)
    async with running(relay):
        await system.publish(Fact(product("prd_1"), 1))
        await eventually(lambda: drained(system))
        relay.opened[0]._producer._sender.sender_task.cancel()
        await system.publish(Fact(product("prd_1"), 2))
        await eventually(lambda: drained(system))
    assert len(relay.opened) == 2
    assert await sequences(system) == [1, 2]


async def test_a_fenced_relay_that_still_has_the_lease_opens_its_producer_again(system: System) -> None:
    relay = Observed(system.client, system.db, system.kafka, "catalog")
    async with running(relay):
        await system.publish(Fact(product("prd_1"), 1))
        await eventually(lambda: drained(system))
        async with transactional_publisher(system.kafka, system.kafka.named("catalog-outbox"), 10):
            await system.publish(Fact(product("prd_1"), 2))
            await eventually(lambda: drained(system))
    assert await sequences(system) == [1, 2]


async def test_a_broker_that_falls_silent_makes_the_relay_unhealthy_and_it_goes_on_afterwards(
    system: System, own_broker: OwnBroker
) -> None:
    system.kafka = own_broker.settings
    relay = OutboxRelay(system.client, system.db, system.kafka, "catalog", acknowledged_within=SOON)
    async with running(relay):
        await system.publish(Fact(product("prd_1"), 1))
        await eventually(lambda: drained(system))
        own_broker.signal(signal.SIGSTOP)
        await system.publish(Fact(product("prd_1"), 2))
        await eventually(lambda: not relay.healthy)
        own_broker.signal(signal.SIGCONT)
        await eventually(lambda: drained(system), seconds=60)
        assert relay.healthy
        own_broker.signal(signal.SIGKILL)
        await system.publish(Fact(product("prd_1"), 3))
        await eventually(lambda: not relay.healthy)
        own_broker.start()
        await eventually(lambda: drained(system), seconds=60)
    found = await sequences(system)
    assert sorted(set(found)) == [1, 2, 3]
    assert found == sorted(found)


async def test_a_relay_whose_rows_are_refused_does_not_call_itself_healthy_in_between(system: System) -> None:
    unknown = Message("catalog.stock.v1", "prd_1", {}, b"{}")
    await system.db[OUTBOX].insert_one(row_of(unknown))
    relay = OutboxRelay(system.client, system.db, system.kafka, "catalog", acknowledged_within=SOON)
    seen = set()

    def failed(times: int) -> bool:
        failures = RELAY_FAILURES.labels("TimeoutError")._value.get() - before
        if failures:
            seen.add(relay.healthy)
        return bool(failures >= times)

    before = RELAY_FAILURES.labels("TimeoutError")._value.get()
    async with running(relay):
        await eventually(lambda: failed(3))
    assert seen == {False}


async def test_a_topic_that_is_not_there_waits_in_order_while_others_go_on_until_it_is_there(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(producing, "_TOPIC_KNOWN_WITHIN", 0.3)

    async def tell(sequence: int) -> None:
        row = row_of(Message(STOCK, "prd_1", {"ce_sequence": str(sequence)}, b"{}"), sequence)
        await system.db[OUTBOX].insert_one(row)
        await system.publish(Fact(product("prd_1"), sequence))

    async def only_stock_waits(count: int) -> bool:
        waiting = [row["topic"] async for row in system.db[OUTBOX].find()]
        return waiting == [STOCK] * count

    for sequence in (1, 2, 3):
        relay = system.relay()
        await tell(sequence)
        async with running(relay):  # each a successor that has to learn from the first one
            await eventually(lambda relay=relay: relay.problem)
            await eventually(lambda count=sequence: only_stock_waits(count))
            assert relay.problem == f"{STOCK}: UnknownTopicOrPartitionError"
            assert not relay.healthy
            assert (STOCK, "UnknownTopicOrPartitionError") in OUTBOX_REFUSED._metrics
    assert not OUTBOX_REFUSED._metrics
    await tell(4)
    relay = system.relay(stuck_after=timedelta(seconds=0.5))
    async with running(relay):
        await eventually(lambda: only_stock_waits(4))
        await admin.ensure_topics(system.kafka, topics=[TOPICS[STOCK]])
        await eventually(lambda: drained(system))
        await eventually(lambda: relay.healthy)
    assert await sequences(system, STOCK) == [1, 2, 3, 4]
    assert await sequences(system) == [1, 2, 3, 4]


async def test_an_outbox_that_was_dropped_and_made_anew_is_published(system: System) -> None:
    async with running(system.relay()):
        await system.publish(Fact(product("prd_1"), 1))
        await eventually(lambda: drained(system))
        await system.db.drop_collection(OUTBOX)
        await system.db.create_collection(OUTBOX)
        await system.publish(Fact(product("prd_1"), 2))
        await eventually(lambda: drained(system))
    assert sorted(set(await sequences(system))) == [1, 2]


async def test_rows_that_the_stream_does_not_give_are_swept_in_the_end(system: System) -> None:
    await system.publish(Fact(product("prd_1"), 1))
    async with await system.db[OUTBOX].watch() as stream:
        await stream.try_next()
        beyond = stream.resume_token
    await system.db[RELAY_STATE].insert_one({"_id": "position", "token": beyond})
    async with running(system.relay(stuck_after=timedelta(seconds=0.3))):
        await eventually(lambda: drained(system))
    assert await sequences(system) == [1]


class SlowToSave(OutboxRelay):
    """Lets the test stop it between the acknowledgement and the saving of its place."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.published = asyncio.Event()
        self.go_on = asyncio.Event()

    async def _save(self, rows: Any, token: Any) -> None:
        if rows:
            self.published.set()
            await self.go_on.wait()
        await super()._save(rows, token)


async def test_a_stopped_relay_finishes_what_it_published_so_that_nothing_comes_twice(system: System) -> None:
    relay = SlowToSave(system.client, system.db, system.kafka, "catalog")
    stop = asyncio.Event()
    task = asyncio.create_task(relay.run(stop))
    await system.publish(Fact(product("prd_1"), 1))
    await relay.published.wait()
    stop.set()
    await asyncio.sleep(0)
    relay.go_on.set()
    await task
    assert await drained(system)
    async with running(system.relay()):
        await system.publish(Fact(product("prd_1"), 2))
        await eventually(lambda: drained(system))
    assert await sequences(system) == [1, 2]


@pytest.mark.parametrize("size", [1, 700_000])
async def test_a_large_backlog_is_published_completely_and_in_order(system: System, size: int) -> None:
    count = 3000 if size == 1 else 40
    rows = [
        row_of(Message("catalog.orders.v1", f"k{n % 7}", {"number": str(n)}, b"x" * size))
        for n in range(count)
    ]
    for start in range(0, count, 10 if size > 1 else 500):
        await system.db[OUTBOX].insert_many(rows[start : start + (10 if size > 1 else 500)])
    async with running(system.relay()):
        await eventually(lambda: drained(system), seconds=60)
    by_key: dict[bytes, list[int]] = {}
    for record in await system.read("catalog.orders.v1"):
        by_key.setdefault(record.key, []).append(int(dict(record.headers)["number"]))
    assert sorted(number for numbers in by_key.values() for number in numbers) == list(range(count))
    assert all(numbers == sorted(numbers) for numbers in by_key.values())
