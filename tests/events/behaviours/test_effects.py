"""Effects happen exactly once, whole or not at all; projections keep what is newest."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shop_events.contracts import Event, Fact
from shop_events.contracts.catalog import OrderCancelled, OrderPaid, ProductChanged, ProductDeleted
from shop_events.handlers import on
from shop_events.unit_of_work import UnitOfWork
from tests.events.behaviours.worlds import World
from tests.events.conftest import paid, product, products_of

PRODUCTS = "catalog.products.v1"


@on(OrderPaid, effect="receipt:{order_id}")
async def receipt(uow: UnitOfWork, event: OrderPaid) -> None:
    await uow.db["receipts"].insert_one({"order": event.order_id}, session=uow.session)


@on(ProductChanged, projection="products")
async def changed(uow: UnitOfWork, event: ProductChanged) -> None:
    await products_of(uow).put(event.product_id, uow.sequence, {"title": event.title})


@on(ProductDeleted, projection="products")
async def deleted(uow: UnitOfWork, event: ProductDeleted) -> None:
    await products_of(uow).remove(event.product_id, uow.sequence)


async def receipts(world: World) -> list[str]:
    return sorted([row["order"] async for row in world.db["receipts"].find()])


async def test_an_event_that_arrives_again_has_no_second_effect(world: World) -> None:
    await world.subscribe(receipt)
    [message] = await world.tell(paid("ord_1"))
    await world.put(message, message)
    await world.rest()
    assert await receipts(world) == ["ord_1"]


async def test_everything_once_more_changes_nothing(world: World) -> None:
    await world.subscribe(receipt, changed)
    await world.tell(*(paid(f"ord_{number}") for number in range(5)))
    await world.tell(product("prd_1", "a lamp"))
    await world.redeliver()
    assert await receipts(world) == [f"ord_{number}" for number in range(5)]
    assert (await world.db["products"].find_one({"_id": "prd_1"}))["title"] == "a lamp"


async def test_another_event_under_the_same_business_key_has_no_second_effect(world: World) -> None:
    await world.subscribe(receipt)
    await world.tell(paid("ord_1"), paid("ord_1"))
    await world.rest()
    assert await receipts(world) == ["ord_1"]


async def test_of_two_effects_only_the_one_that_has_not_happened_happens(world: World) -> None:
    @on(OrderPaid, effect="welcome:{user_id}")
    async def welcome(uow: UnitOfWork, event: OrderPaid) -> None:
        await uow.db["receipts"].insert_one({"order": f"welcome {event.user_id}"}, session=uow.session)

    await world.subscribe(receipt, welcome)
    await world.tell(paid("ord_1", "usr_1"), paid("ord_2", "usr_1"))
    await world.rest()
    assert await receipts(world) == ["ord_1", "ord_2", "welcome usr_1"]


async def test_a_handler_that_fails_leaves_nothing_behind_and_tells_nobody(world: World) -> None:
    failing = True
    committed = []

    @on(OrderPaid, effect="receipt:{order_id}")
    async def fails_at_the_end(uow: UnitOfWork, event: OrderPaid) -> None:
        await receipt(uow, event)
        uow.publish([Fact(product(f"prd_{event.order_id}"), 1)])
        uow.on_commit.append(lambda: committed.append(event.order_id))
        if failing and event.order_id == "ord_bad":
            raise RuntimeError

    await world.subscribe(fails_at_the_end)
    await world.tell(paid("ord_1"), paid("ord_bad"), paid("ord_2"))
    await world.until(lambda: _parked(world, 1))
    await world.rest()
    assert await receipts(world) == ["ord_1", "ord_2"]
    assert sorted(committed) == ["ord_1", "ord_2"]
    assert {found.event.key for found in await world.received(PRODUCTS)} == {"prd_ord_1", "prd_ord_2"}
    failing = False
    await world.until(lambda: _parked(world, 0), timedelta(seconds=30))
    await world.rest()
    assert await receipts(world) == ["ord_1", "ord_2", "ord_bad"]
    assert len(await world.received(PRODUCTS)) == 3


async def _parked(world: World, count: int) -> bool:
    return bool(await world.db["parked"].count_documents({}) == count)


async def test_of_two_handlers_of_an_event_none_takes_effect_until_both_can(world: World) -> None:
    failing = True

    @on(OrderPaid, effect="invoice:{order_id}")
    async def invoice(uow: UnitOfWork, event: OrderPaid) -> None:
        if failing:
            raise RuntimeError
        await uow.db["receipts"].insert_one({"order": f"invoice {event.order_id}"}, session=uow.session)

    await world.subscribe(receipt, invoice)
    await world.tell(paid("ord_1"))
    await world.until(lambda: _parked(world, 1))
    assert await receipts(world) == []
    failing = False
    await world.until(lambda: _parked(world, 0), timedelta(seconds=30))
    assert await receipts(world) == ["invoice ord_1", "ord_1"]


async def test_a_projection_ends_at_the_highest_sequence_whatever_the_order(world: World) -> None:
    await world.subscribe(changed, deleted)
    await world.tell(product("prd_1", "new"), sequence=7)
    await world.tell(product("prd_1", "old"), sequence=3)
    await world.tell(ProductDeleted(product_id="prd_2"), sequence=5)
    await world.tell(product("prd_2", "late"), sequence=4)
    await world.rest()
    assert (await world.db["products"].find_one({"_id": "prd_1"}))["title"] == "new"
    gone = await world.db["products"].find_one({"_id": "prd_2"})
    assert gone == {"_id": "prd_2", "sequence": 5, "gone": True}


async def test_what_a_handler_publishes_names_its_cause_and_keeps_the_correlation(world: World) -> None:
    @on(OrderPaid, effect="receipt:{order_id}")
    async def derive(uow: UnitOfWork, event: OrderPaid) -> None:
        uow.publish([Fact(product(f"prd_{event.order_id}"), 1)])

    await world.subscribe(derive)
    [cause] = await world.tell(paid("ord_1"))
    [found] = await world.until(lambda: world.received(PRODUCTS))
    assert found.envelope.trace.causation_id == cause.headers["ce_id"]
    assert found.envelope.trace.correlation_id == cause.headers["ce_correlationid"]


async def test_events_nobody_here_handles_and_fields_nobody_knows_are_passed_over(world: World) -> None:
    await world.subscribe(receipt)
    total = paid("x").total
    await world.tell(
        OrderCancelled(
            order_id="ord_1", user_id="u", lines=(), total=total, reason="x", cancelled_at=paid("x").paid_at
        )
    )
    [message] = await world.tell(paid("ord_2"))
    assert message.value is not None
    more = message.value.replace(b"{", b'{"added_later": 1, ', 1).replace(b"ord_2", b"ord_3")
    await world.put(replace(message, key="ord_3", value=more))
    await world.rest()
    assert await receipts(world) == ["ord_2", "ord_3"]
    assert await world.letters() == []


@pytest.mark.usefixtures("own_contracts")
async def test_two_versions_of_an_event_are_handled_side_by_side(world: World) -> None:
    class OrderPaidAgain(Event, type="catalog.order.paid.v2", topic="catalog.orders.v1", key="order_id"):
        order_id: str
        paid_by: str

    @on(OrderPaidAgain, effect="receipt:{order_id}")
    async def second_version(uow: UnitOfWork, event: OrderPaidAgain) -> None:
        order = f"{event.order_id} by {event.paid_by}"
        await uow.db["receipts"].insert_one({"order": order}, session=uow.session)

    await world.subscribe(receipt, second_version)
    await world.tell(
        paid("ord_1"),
        OrderPaidAgain(order_id="ord_1", paid_by="card"),
        OrderPaidAgain(order_id="ord_2", paid_by="card"),
        paid("ord_2"),
    )
    await world.rest()
    assert await receipts(world) == ["ord_1", "ord_2 by card"]
