"""The consumer when its parts fail it: silent brokers, hanging or careless handlers, floods of failures."""

import asyncio
import itertools
import signal
import time
from contextlib import suppress
from datetime import timedelta
from typing import Any, cast
from unittest.mock import Mock

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.partitioner import DefaultPartitioner
from pymongo.errors import AutoReconnect, DuplicateKeyError

from shop_events import batch, parking
from shop_events.consumer import Consumer
from shop_events.consumer_run import ConsumerRun
from shop_events.consuming import ClientStuckError
from shop_events.contracts.catalog import OrderPaid
from shop_events.dead_letters import VALUE
from shop_events.errors import NotYet
from shop_events.handlers import Handler, Subscriptions, on
from shop_events.metrics import HANDLED, LAG, LAG_SECONDS, PAUSED
from shop_events.topics import dead_letters
from shop_events.unit_of_work import Transactor, UnitOfWork
from tests.events.conftest import GROUP, OwnBroker, System, eventually, paid, running

ORDERS = "catalog.orders.v1"


async def keep(uow: UnitOfWork, event: OrderPaid) -> None:
    await uow.db["receipts"].insert_one({"_id": event.order_id}, session=uow.session)


@on(OrderPaid, effect="receipt:{order_id}")
async def receipt(uow: UnitOfWork, event: OrderPaid) -> None:
    await keep(uow, event)


async def has(system: System, *order_ids: str) -> bool:
    wanted = {"_id": {"$in": list(order_ids)}}
    return await system.db["receipts"].count_documents(wanted) == len(order_ids)


def impatient(system: System, *handlers: Handler[Any]) -> Consumer:
    """Return a consumer whose transactions are tried again for a moment only."""
    transact = Transactor(
        system.client, system.db, lambda db, session: UnitOfWork(db, session, "x"), timedelta(seconds=0.2)
    )
    return Consumer(system.db, system.kafka, Subscriptions(GROUP, handlers), transact)


async def test_a_broker_that_falls_silent_fails_readiness_and_the_client_is_built_anew(
    system: System, own_broker: OwnBroker
) -> None:
    system.kafka = own_broker.settings
    consumer = system.consumer(receipt, stuck_after=1.5)
    async with running(consumer):
        await system.tell(paid("ord_1"))
        await eventually(lambda: has(system, "ord_1"))
        own_broker.signal(signal.SIGSTOP)
        await eventually(lambda: not consumer.ready)
        own_broker.signal(signal.SIGCONT)
        await system.tell(paid("ord_2"))
        await eventually(lambda: has(system, "ord_2"), seconds=60)
        assert consumer.ready
        own_broker.signal(signal.SIGKILL)
        await eventually(lambda: not consumer.ready)
        own_broker.start()
        await own_broker.answers()
        await system.tell(paid("ord_3"))
        await eventually(lambda: has(system, "ord_3"), seconds=60)


async def test_a_client_that_cannot_commit_is_built_anew(
    system: System, own_broker: OwnBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shop_events.consumer_run._COMMITTED_WITHIN", 1.0)
    system.kafka = own_broker.settings
    started, go_on = asyncio.Event(), asyncio.Event()

    @on(OrderPaid, effect="receipt:{order_id}")
    async def waits(uow: UnitOfWork, event: OrderPaid) -> None:
        started.set()
        await go_on.wait()
        await keep(uow, event)

    consumer = system.consumer(waits, stuck_after=3600.0)
    async with running(consumer):
        await system.tell(paid("ord_1"))
        await started.wait()
        own_broker.signal(signal.SIGSTOP)
        go_on.set()
        await eventually(lambda: not consumer.ready)
        own_broker.signal(signal.SIGCONT)
        await system.tell(paid("ord_2"))
        await eventually(lambda: has(system, "ord_1", "ord_2"), seconds=60)


@pytest.mark.parametrize("taken_back", [True, False])
async def test_a_member_that_its_group_does_not_take_back_is_built_anew_and_one_without_partitions_is_not(
    monkeypatch: pytest.MonkeyPatch, taken_back: bool
) -> None:
    monkeypatch.setattr("shop_events.consumer_run._REJOINED_WITHIN", 0.1)
    nothing: Any = Mock(assignment=set)
    run = ConsumerRun(nothing, nothing, GROUP, hands=1, stuck_after=0.06, progressed=lambda: None)
    run._client = nothing
    await run.on_partitions_revoked([])
    if taken_back:
        await run.on_partitions_assigned([])
    watching = asyncio.create_task(run._watch())
    done, _ = await asyncio.wait([watching], timeout=0.5)
    watching.cancel()
    assert bool(done) is not taken_back
    if done:
        assert isinstance(watching.exception(), ClientStuckError)


PLACE = TopicPartition(ORDERS, 0)


class Client:
    """A member of a group that holds one partition, and answers that nothing new comes out of it."""

    def __init__(self) -> None:
        self.committed: list[dict[TopicPartition, int]] = []

    def assignment(self) -> set[TopicPartition]:
        return {PLACE}

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        self.committed.append(offsets)


def a_record(offset: int) -> ConsumerRecord:
    return ConsumerRecord(ORDERS, 0, offset, 0, 0, b"ord_1", b"", None, 5, 0, ())


def run_of(client: Client, handle: Any = None) -> ConsumerRun:
    quiet: Any = Mock(overloaded=False)
    handler: Any = Mock(handle=handle)
    run = ConsumerRun(handler, quiet, GROUP, hands=1, stuck_after=0.03, progressed=lambda: None)
    run._client = cast(AIOKafkaConsumer, client)
    return run


@pytest.mark.parametrize("stopped", [True, False])
async def test_a_hanging_batch_delays_a_revocation_or_the_end_for_a_bounded_time_and_is_not_committed(
    monkeypatch: pytest.MonkeyPatch, stopped: bool
) -> None:
    monkeypatch.setattr("shop_events.consumer_run._DRAIN_SECONDS", 0.05)
    client, taken, go_on = Client(), asyncio.Event(), asyncio.Event()

    async def hangs(records: list[ConsumerRecord]) -> None:
        taken.set()
        await go_on.wait()

    run, stop = run_of(client, hangs), asyncio.Event()
    run._buffers.add({PLACE: [a_record(7)]})
    run._work.set()
    hand = asyncio.create_task(run._handle_all())
    try:
        await taken.wait()
        stop.set()
        async with asyncio.timeout(5):
            await (run._finish_after(stop) if stopped else run.on_partitions_revoked([PLACE]))
        assert not run._settled.is_set()
        if not stopped:  # what ends after the partitions went elsewhere is nothing to commit
            await run.on_partitions_assigned([PLACE])
            go_on.set()
            await asyncio.wait_for(run._settled.wait(), 5)
            await run._commit(1)
    finally:
        hand.cancel()
    assert client.committed == []


async def test_a_batch_that_ends_in_time_is_committed_before_its_partition_goes() -> None:
    client, taken, go_on = Client(), asyncio.Event(), asyncio.Event()

    async def takes_its_time(records: list[ConsumerRecord]) -> None:
        taken.set()
        await go_on.wait()

    run = run_of(client, takes_its_time)
    run._buffers.add({PLACE: [a_record(7)]})
    run._work.set()
    hand = asyncio.create_task(run._handle_all())
    try:
        await taken.wait()
        revoking = asyncio.create_task(run.on_partitions_revoked([PLACE]))
        await asyncio.sleep(0)
        go_on.set()
        await asyncio.wait_for(revoking, 5)
    finally:
        hand.cancel()
    assert client.committed == [{PLACE: 8}]


@pytest.mark.parametrize(("waiting", "handled_here", "stuck"), [(3, 0, True), (3, 1, False), (0, 0, False)])
async def test_a_client_that_answers_and_hands_out_nothing_is_built_anew(
    monkeypatch: pytest.MonkeyPatch, waiting: int, handled_here: int, stuck: bool
) -> None:
    async def so_many(*_: Any) -> dict[TopicPartition, int]:
        return {PLACE: waiting}

    monkeypatch.setattr("shop_events.consumer_run.behind", so_many)
    run = run_of(Client())
    if handled_here:
        run._buffers.add({PLACE: [a_record(0)]})
    watching = asyncio.create_task(run._watch())
    done, _ = await asyncio.wait([watching], timeout=0.5)
    watching.cancel()
    assert bool(done) is stuck
    if stuck:
        assert isinstance(watching.exception(), ClientStuckError)


async def test_what_waits_is_as_old_as_its_oldest_record_in_hand_or_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def nothing(*_: Any) -> dict[TopicPartition, int]:
        return {PLACE: 0}

    monkeypatch.setattr("shop_events.consumer_run.behind", nothing)
    run, age = run_of(Client()), LAG_SECONDS.labels(GROUP)._value
    an_hour_ago = a_record(0)
    an_hour_ago.timestamp = int((time.time() - 3600) * 1000)
    run._buffers.add({PLACE: [an_hour_ago]})
    watching = asyncio.create_task(run._watch())
    try:
        await eventually(lambda: 3600 <= age.get() < 7200)
        age.set(0)
        in_hand = run._take()
        await eventually(lambda: 3600 <= age.get() < 7200)
        run._put_down(in_hand)
        await eventually(lambda: age.get() == 0)
    finally:
        watching.cancel()


async def test_a_handler_that_hangs_is_set_aside_and_holds_up_no_other_key(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "LONGEST_HANDLING", 0.2)

    @on(OrderPaid, effect="receipt:{order_id}")
    async def hangs(uow: UnitOfWork, event: OrderPaid) -> None:
        await keep(uow, event)
        if event.order_id == "ord_hang":
            await asyncio.Event().wait()

    await system.tell(paid("ord_1"), paid("ord_hang"), paid("ord_2"))
    async with running(system.consumer(hangs)):
        await eventually(lambda: has(system, "ord_1", "ord_2"))
        row = await eventually(lambda: system.db["parked"].find_one({"key": "ord_hang"}))
    assert row["reason"] == "TimeoutError"


async def test_a_handler_that_goes_on_after_its_transaction_was_aborted_is_set_aside(system: System) -> None:
    """MongoDB calls what follows transient; trying it again would hold its partition for ever."""
    await system.db["unique"].insert_one({"_id": "taken"})

    @on(OrderPaid, effect="receipt:{order_id}")
    async def careless(uow: UnitOfWork, event: OrderPaid) -> None:
        if event.order_id == "ord_bad":
            with suppress(DuplicateKeyError):
                await uow.db["unique"].insert_one({"_id": "taken"}, session=uow.session)
        await keep(uow, event)

    await system.tell(paid("ord_1"), paid("ord_bad"), paid("ord_2"))
    async with running(impatient(system, careless)):
        await eventually(lambda: has(system, "ord_1", "ord_2"))
        await eventually(lambda: system.db["parked"].find_one({"key": "ord_bad"}))


async def test_a_write_that_fails_only_with_the_whole_batch_is_found_by_halving(system: System) -> None:
    @on(OrderPaid, effect="receipt:{order_id}")
    async def deferred(uow: UnitOfWork, event: OrderPaid) -> None:
        from pymongo import InsertOne

        same = event.order_id.replace("ord_again", "ord_3")
        uow.write("receipts", InsertOne({"_id": same}))

    await system.tell(*(paid(f"ord_{n}") for n in range(20)))
    consumer = impatient(system, deferred)
    async with running(consumer):
        await eventually(lambda: has(system, *(f"ord_{n}" for n in range(20))))
        await system.tell(paid("ord_20"), paid("ord_again"), paid("ord_21"))
        await eventually(lambda: has(system, "ord_20", "ord_21"))
        row = await eventually(lambda: system.db["parked"].find_one({"key": "ord_again"}))
    assert row["reason"] == "BulkWriteError"


async def test_a_flood_of_failures_stops_the_consumer_while_it_still_tries_them(system: System) -> None:
    most = 20

    @on(OrderPaid, effect="receipt:{order_id}")
    async def fails(uow: UnitOfWork, event: OrderPaid) -> None:
        await uow.db["receipts"].find_one({}, session=uow.session)
        raise NotYet("user")

    consumer = system.consumer(fails, most_parked=most)
    await system.tell(*(paid(f"ord_{n}") for n in range(3000)))
    async with running(consumer):
        await eventually(lambda: consumer.healthy and not consumer.ready)
        await eventually(lambda: PAUSED.labels(GROUP)._value.get() == 1)
        tried = {"tries": {"$gte": 3}}
        await eventually(lambda: system.db["parked"].count_documents(tried))
        assert await system.db["parked"].count_documents({}) <= most + 3 * 100


async def test_too_many_events_behind_few_keys_stop_the_consumer_too(system: System) -> None:
    @on(OrderPaid, effect="receipt:{order_id}:{paid_at}")
    async def fails(uow: UnitOfWork, event: OrderPaid) -> None:
        raise NotYet("user")

    consumer = system.consumer(fails, most_parked=4)
    await system.tell(*(paid("ord_hot") for _ in range(1000)))
    async with running(consumer):
        await eventually(lambda: consumer.healthy and not consumer.ready)
        await system.tell(*(paid("ord_hot") for _ in range(1000)))
        tried = {"tries": {"$gte": 3}}
        await eventually(lambda: system.db["parked"].count_documents(tried))
        assert await system.db["parked"].count_documents({}) < 2000


async def test_records_with_odd_headers_or_too_large_for_a_letter_become_dead_letters(system: System) -> None:
    producer = AIOKafkaProducer(**system.kafka.connection(), max_request_size=4 << 20)
    await producer.start()
    try:
        topic = system.kafka.named(ORDERS)
        odd = [("ce_type", b"catalog.order.paid.v1"), ("a\0b", b"x"), ("nothing", None)]
        await producer.send_and_wait(topic, b"{}", key=b"odd", headers=odd)
        large = b"x" * 950_000
        await producer.send_and_wait(topic, large, key=b"large", headers=[("ce_type", b"no")])
        await producer.send_and_wait(topic, large, key=b"large", headers=odd[:1])
    finally:
        await producer.stop()
    await system.tell(paid("ord_1"))
    async with running(system.relay(), system.consumer(receipt)):
        await eventually(lambda: has(system, "ord_1"))
        letters = await eventually(lambda: _letters(system, 2))
    by_key = {letter.key: letter for letter in letters}
    assert by_key[b"odd"].value == b"{}"
    assert by_key[b"large"].value is None
    assert VALUE in dict(by_key[b"large"].headers)


async def _letters(system: System, count: int) -> list[Any]:
    letters = await system.read(dead_letters(GROUP))
    return letters if len(letters) >= count else []


async def test_partitions_are_handled_side_by_side(system: System) -> None:
    first, second = _in_partition(0, "ord_a"), _in_partition(1, "ord_b")
    here = {first[0].order_id: asyncio.Event(), second[0].order_id: asyncio.Event()}

    @on(OrderPaid, effect="receipt:{order_id}")
    async def meets(uow: UnitOfWork, event: OrderPaid) -> None:
        if event.order_id in here:
            here[event.order_id].set()
            await asyncio.gather(*(other.wait() for other in here.values()))
        await keep(uow, event)

    await system.tell(*first, *second)
    async with running(system.consumer(meets)):
        await eventually(lambda: has(system, *here))


def _in_partition(partition: int, name: str) -> list[OrderPaid]:
    """Return more than a batch of orders whose keys belong to one of six partitions."""
    numbers = (n for n in itertools.count() if _partition_of(f"{name}_{n}") == partition)
    return [paid(f"{name}_{n}") for n in itertools.islice(numbers, 150)]


def _partition_of(key: str) -> int:
    return int(DefaultPartitioner()(key.encode(), list(range(6)), list(range(6))))


async def test_a_key_that_is_slow_to_retry_does_not_delay_the_others(system: System) -> None:
    others = asyncio.Event()
    tries: dict[str, int] = {}

    @on(OrderPaid, effect="receipt:{order_id}")
    async def second_time(uow: UnitOfWork, event: OrderPaid) -> None:
        tries[event.order_id] = tries.get(event.order_id, 0) + 1
        if tries[event.order_id] == 1:
            raise NotYet("user")
        if event.order_id == "ord_slow":
            await others.wait()
        await keep(uow, event)
        if event.order_id == "ord_quick":
            uow.on_commit.append(others.set)

    await system.tell(paid("ord_slow"), paid("ord_quick"))
    async with running(system.consumer(second_time)):
        await eventually(lambda: has(system, "ord_slow", "ord_quick"))


async def test_mongodb_failing_under_the_retrier_does_not_make_the_consumer_start_again(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, failed = parking.claim_due, 0

    async def flaky(db: Any) -> Any:
        nonlocal failed
        if failed < 3:
            failed += 1
            raise AutoReconnect("election")
        return await claim(db)

    monkeypatch.setattr(parking, "claim_due", flaky)
    opened = True

    @on(OrderPaid, effect="receipt:{order_id}")
    async def later(uow: UnitOfWork, event: OrderPaid) -> None:
        nonlocal opened
        opened = not opened
        if not opened:
            raise NotYet("user")
        await keep(uow, event)

    consumer = system.consumer(later)
    async with running(consumer):
        await system.tell(paid("ord_1"))
        await eventually(lambda: has(system, "ord_1"))
        assert failed == 3
        assert consumer.ready


async def test_a_stopped_consumer_has_committed_what_it_did(system: System) -> None:
    await system.tell(*(paid(f"ord_{n}") for n in range(50)))
    async with running(system.consumer(receipt)):
        await eventually(lambda: has(system, *(f"ord_{n}" for n in range(50))))
    duplicates = HANDLED.labels(GROUP, OrderPaid.event_type, "duplicate")
    before = duplicates._value.get()
    async with running(system.consumer(receipt)):
        await system.tell(paid("ord_last"))
        await eventually(lambda: has(system, "ord_last"))
    assert duplicates._value.get() == before


async def test_lag_is_told_by_topic_and_ends_at_nothing(system: System) -> None:
    most_parked = 1

    @on(OrderPaid, effect="receipt:{order_id}")
    async def closed(uow: UnitOfWork, event: OrderPaid) -> None:
        if not await uow.db["open"].find_one({}, session=uow.session):
            raise NotYet("door")
        await keep(uow, event)

    topic = system.kafka.named(ORDERS)
    lag = LAG.labels(GROUP, topic)
    await system.tell(paid("ord_first"))
    async with running(system.consumer(closed, most_parked=most_parked, stuck_after=0.3)):
        await eventually(lambda: system.db["parked"].find_one({}))
        await system.tell(*(paid(f"ord_{n}") for n in range(30)))
        await eventually(lambda: LAG.labels(GROUP, topic)._value.get() >= 30)
        await system.db["open"].insert_one({})
        await eventually(lambda: has(system, *(f"ord_{n}" for n in range(30))))
        await eventually(lambda: LAG.labels(GROUP, topic)._value.get() == 0)
    assert (GROUP, topic) not in LAG._metrics
    assert lag._value.get() == 0
