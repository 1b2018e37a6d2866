"""From one service's transaction to another's: relay and consumer against a real MongoDB and a real Kafka."""

import asyncio
from datetime import timedelta
from typing import Any

from shop_events.contracts import Fact
from shop_events.contracts.catalog import OrderPaid, ProductChanged, ProductDeleted
from shop_events.dead_letters import REASON, TRIES
from shop_events.envelope import Message, encode, envelope_for
from shop_events.errors import NotYet
from shop_events.handlers import on
from shop_events.topics import dead_letters, replay
from shop_events.unit_of_work import UnitOfWork
from tests.events.conftest import GROUP, System, eventually, paid, product, products_of, running


@on(OrderPaid, effect="receipt:{order_id}")
async def receipt(uow: UnitOfWork, event: OrderPaid) -> None:
    await uow.db["receipts"].insert_one({"order": event.order_id, "at": uow.sequence}, session=uow.session)


@on(ProductChanged, projection="products")
async def changed(uow: UnitOfWork, event: ProductChanged) -> None:
    await products_of(uow).put(event.product_id, uow.sequence, {"title": event.title})


@on(ProductDeleted, projection="products")
async def deleted(uow: UnitOfWork, event: ProductDeleted) -> None:
    await products_of(uow).remove(event.product_id, uow.sequence)


@on(OrderPaid, effect="dispatch:{order_id}", patience=timedelta(seconds=30))
async def needs_user(uow: UnitOfWork, event: OrderPaid) -> None:
    if await uow.db["users"].find_one({"_id": event.user_id}, session=uow.session) is None:
        raise NotYet("user")
    await uow.db["receipts"].insert_one({"order": event.order_id, "at": uow.sequence}, session=uow.session)


async def receipts(system: System) -> list[str]:
    return [row["order"] async for row in system.db["receipts"].find().sort("_id")]


async def test_facts_become_effects_exactly_once_and_the_outbox_empties(system: System) -> None:
    for number in range(50):
        await system.publish(Fact(paid(f"ord_{number}"), 1))
    async with running(system.relay(), system.consumer(receipt)):
        await eventually(lambda: _has(system, 50))
        await eventually(lambda: _empty(system, "outbox"))
    assert sorted(await receipts(system)) == sorted(f"ord_{n}" for n in range(50))


async def _has(system: System, count: int) -> bool:
    return await system.db["receipts"].count_documents({}) >= count


async def _empty(system: System, name: str) -> bool:
    return await system.db[name].count_documents({}) == 0


async def test_a_redelivered_event_has_no_second_effect(system: System) -> None:
    [message] = await system.tell(paid("ord_1"))
    await system.produce(message, message)
    await system.tell(paid("ord_2"))
    async with running(system.consumer(receipt)):
        await eventually(lambda: _has(system, 2))
    async with running(system.consumer(receipt)):
        await system.produce(message)
        await system.tell(paid("ord_3"))
        await eventually(lambda: _has(system, 3))
    assert sorted(await receipts(system)) == ["ord_1", "ord_2", "ord_3"]


async def test_a_read_model_ends_at_the_highest_sequence_whatever_the_order(system: System) -> None:
    await system.tell(product("prd_1", "new"), sequence=7)
    await system.tell(product("prd_1", "old"), sequence=3)
    await system.tell(ProductDeleted(product_id="prd_2"), sequence=5)
    await system.tell(product("prd_2", "late"), sequence=4)
    await system.tell(product("prd_3", "last"))
    async with running(system.consumer(changed, deleted)):
        await eventually(lambda: _titled(system, "prd_3", "last"))
    assert await _titled(system, "prd_1", "new")
    gone = await system.db["products"].find_one({"_id": "prd_2"})
    assert gone == {"_id": "prd_2", "sequence": 5, "gone": True}


async def _titled(system: System, key: str, title: str) -> bool:
    row = await system.db["products"].find_one({"_id": key})
    return row is not None and row.get("title") == title


async def test_an_order_before_its_user_waits_and_delays_no_other_key(system: System) -> None:
    await system.db["users"].insert_one({"_id": "usr_known"})
    await system.tell(paid("ord_early", "usr_late"), paid("ord_other", "usr_known"))
    async with running(system.consumer(needs_user)):
        await eventually(lambda: _has(system, 1))
        assert await receipts(system) == ["ord_other"]
        await eventually(lambda: _parked(system, "ord_early"))
        await system.db["users"].insert_one({"_id": "usr_late"})
        await eventually(lambda: _has(system, 2))
        await eventually(lambda: _empty(system, "parked"))


async def _parked(system: System, key: str) -> dict[str, Any] | None:
    return await system.db["parked"].find_one({"key": key})


async def test_later_events_of_a_waiting_key_stay_behind_it_in_order(system: System) -> None:
    handled: list[tuple[str, int]] = []

    @on(ProductChanged, projection="products")
    async def in_order(uow: UnitOfWork, event: ProductChanged) -> None:
        if event.product_id == "prd_1" and not await uow.db["open"].find_one({}, session=uow.session):
            raise NotYet("door")
        uow.on_commit.append(lambda sequence=uow.sequence: handled.append((event.product_id, sequence)))

    for sequence in range(1, 6):
        await system.tell(product("prd_1"), sequence=sequence)
        await system.tell(product("prd_2"), sequence=sequence)
    async with running(system.consumer(in_order)):
        await eventually(lambda: len(handled) == 5)
        await eventually(lambda: _count(system, "parked", 5))
        await system.db["open"].insert_one({})
        await eventually(lambda: len(handled) == 10)
    assert [s for key, s in handled if key == "prd_2"] == [1, 2, 3, 4, 5]
    assert [s for key, s in handled if key == "prd_1"] == [1, 2, 3, 4, 5]


async def _count(system: System, name: str, count: int) -> bool:
    return await system.db[name].count_documents({}) == count


async def test_a_poison_event_becomes_one_dead_letter_and_its_neighbours_go_through(system: System) -> None:
    good = encode(envelope_for(Fact(paid("ord_x"), 1), "catalog"), paid("ord_x"))
    poison = Message(
        good.topic, good.key, {**good.headers, "ce_id": "poison"}, b'{"order_id": 5, "total": "no"}'
    )
    await system.tell(paid("ord_1"))
    await system.produce(poison, poison)
    await system.tell(paid("ord_2"))
    async with running(system.relay(), system.consumer(receipt)):
        await eventually(lambda: _has(system, 2))
        await eventually(lambda: _letters(system))
        await system.produce(poison)
        await system.tell(paid("ord_3"))
        await eventually(lambda: _has(system, 3))
        await eventually(lambda: _empty(system, "outbox"))
    [letter] = await _letters(system)
    headers = {name: value.decode() for name, value in letter.headers}
    assert letter.value == poison.value
    assert headers["ce_id"] == "poison"
    assert "order_id: string_type" in headers[REASON]
    assert headers[TRIES] == "1"


async def _letters(system: System) -> list[Any]:
    return await system.read(dead_letters(GROUP))


async def test_a_record_that_is_no_cloudevent_is_a_dead_letter(system: System) -> None:
    await system.produce(Message("catalog.orders.v1", "k", {}, b"\xff\xfe"))
    async with running(system.relay(), system.consumer(receipt)):
        [letter] = await eventually(lambda: _letters(system))
    assert letter.value == b"\xff\xfe"


async def test_what_keeps_failing_is_given_up_after_its_patience_and_can_be_replayed(system: System) -> None:
    broken = True

    @on(OrderPaid, effect="receipt:{order_id}", patience=timedelta(seconds=0.5))
    async def flaky(uow: UnitOfWork, event: OrderPaid) -> None:
        await uow.db["receipts"].insert_one({"order": event.order_id}, session=uow.session)
        if broken and event.order_id == "ord_bad":
            raise RuntimeError("secret detail")

    await system.tell(paid("ord_bad"), paid("ord_good"))
    async with running(system.relay(), system.consumer(flaky)):
        [letter] = await eventually(lambda: _letters(system))
        assert await receipts(system) == ["ord_good"]
        headers = {name: value.decode() for name, value in letter.headers}
        assert headers[REASON] == "RuntimeError"
        assert int(headers[TRIES]) > 1
        assert await _empty(system, "parked")
        broken = False
        await system.produce(Message(replay(GROUP), "ord_bad", headers, letter.value))
        await eventually(lambda: _has(system, 2))
        await system.produce(Message(replay(GROUP), "ord_bad", headers, letter.value))
        await system.tell(paid("ord_last"))
        await eventually(lambda: _has(system, 3))
    assert sorted(await receipts(system)) == ["ord_bad", "ord_good", "ord_last"]


async def test_a_key_can_be_held_behind_a_dead_letter_until_it_is_replayed(system: System) -> None:
    broken = True

    @on(ProductChanged, projection="products", patience=timedelta(seconds=0.3), hold_key=True)
    async def strict(uow: UnitOfWork, event: ProductChanged) -> None:
        if broken and event.title == "bad":
            raise RuntimeError
        await changed(uow, event)

    await system.tell(product("prd_1", "bad"), sequence=1)
    async with running(system.relay(), system.consumer(strict)):
        [letter] = await eventually(lambda: _letters(system))
        await system.tell(product("prd_1", "next"), sequence=2)
        await eventually(lambda: _count(system, "parked", 2))
        broken = False
        headers = {name: value.decode() for name, value in letter.headers}
        await system.produce(Message(replay(GROUP), "prd_1", headers, letter.value))
        await eventually(lambda: _titled(system, "prd_1", "next"))
        await eventually(lambda: _empty(system, "parked"))


async def test_too_many_waiting_keys_pause_the_consumer(system: System) -> None:
    consumer = system.consumer(needs_user, most_parked=3)
    await system.tell(*(paid(f"ord_{n}", "usr_late") for n in range(150)))
    async with running(consumer):
        await eventually(lambda: _parked(system, "ord_0"))
        await eventually(lambda: not consumer.ready and consumer.healthy)
        await system.db["users"].insert_one({"_id": "usr_late"})
        await eventually(lambda: _has(system, 150), seconds=40)
        await eventually(lambda: consumer.ready)


async def test_two_consumers_share_the_work_and_a_third_rebalances_without_doubling(system: System) -> None:
    first, second, third = (system.consumer(receipt) for _ in range(3))
    await system.tell(*(paid(f"ord_{n}") for n in range(500)))
    async with running(first, second):
        await eventually(lambda: _has(system, 1))
        await system.tell(*(paid(f"ord_{n}") for n in range(500, 1500)))
        async with running(third):
            await eventually(lambda: _has(system, 1500), seconds=40)
    assert len(set(await receipts(system))) == 1500
    assert await system.db["receipts"].count_documents({}) == 1500


async def test_a_stopped_consumer_leaves_nothing_half_done(system: System) -> None:
    await system.tell(*(paid(f"ord_{n}") for n in range(300)))
    for _ in range(3):
        before = await system.db["receipts"].count_documents({})
        async with running(system.consumer(receipt)):
            await eventually(lambda before=before: _has(system, min(before + 1, 300)))
    async with running(system.consumer(receipt)):
        await eventually(lambda: _has(system, 300))
    assert await system.db["receipts"].count_documents({}) == 300
    assert await system.db["inbox"].count_documents({}) == 300


async def test_events_carry_the_trace_of_what_caused_them(system: System) -> None:
    seen: asyncio.Queue[Any] = asyncio.Queue()

    @on(OrderPaid, effect="receipt:{order_id}")
    async def derive(uow: UnitOfWork, event: OrderPaid) -> None:
        uow.publish([Fact(product(f"prd_{event.order_id}"), 1)])

    [cause] = await system.tell(paid("ord_1"))
    async with running(system.relay(), system.consumer(derive)):
        records = await eventually(lambda: system.read("catalog.products.v1"))
    headers = {name: value.decode() for name, value in records[0].headers}
    assert headers["ce_causationid"] == cause.headers["ce_id"]
    assert headers["ce_correlationid"] == cause.headers["ce_correlationid"]
    assert seen.empty()
