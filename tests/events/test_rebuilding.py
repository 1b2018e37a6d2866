"""A read model is forgotten and made again, while effects stay what they were and the consumer goes on."""

from typing import Any

import pytest

from shop_events.contracts import Fact
from shop_events.contracts.catalog import OrderPaid, ProductChanged, ProductDeleted, StockLow
from shop_events.handlers import Handler, Subscriptions, on
from shop_events.operations.letters import Which, letters
from shop_events.read_model import emptied
from shop_events.rebuilding import NotRebuildable, ProjectionPublishes, Rebuilt, rebuild
from shop_events.unit_of_work import UnitOfWork
from tests.events.conftest import GROUP, System, eventually, paid, product, products_of, running


@on(ProductChanged, projection="products")
async def changed(uow: UnitOfWork, event: ProductChanged) -> None:
    if event.title == "poison":
        raise ValueError
    await products_of(uow).put(event.product_id, uow.sequence, {"title": event.title})


@on(ProductDeleted, projection="products")
async def deleted(uow: UnitOfWork, event: ProductDeleted) -> None:
    await products_of(uow).remove(event.product_id, uow.sequence)


@on(ProductChanged, effect="welcome:{product_id}")
async def welcome(uow: UnitOfWork, event: ProductChanged) -> None:
    await uow.db["welcomes"].insert_one({"product": event.product_id}, session=uow.session)


@on(OrderPaid, projection="orders")
async def order(uow: UnitOfWork, event: OrderPaid) -> None: ...


HANDLERS: tuple[Handler[Any], ...] = (changed, deleted, welcome, order)


async def rebuilt(system: System, *handlers: Handler[Any], projection: str = "products") -> Rebuilt:
    async def forget() -> None:
        await emptied(projection)(system.db)

    subscriptions = Subscriptions(GROUP, handlers or HANDLERS)
    return await rebuild(system.kafka, subscriptions, projection, system.transact, forget)


async def titles(system: System) -> dict[str, str | None]:
    return {row["_id"]: row.get("title") async for row in system.db["products"].find({"gone": False})}


async def test_a_read_model_is_made_again_and_no_effect_happens(system: System) -> None:
    await system.tell(*(product(f"prd_{number}") for number in range(250)))
    await system.tell(product("prd_1", "newer"), sequence=2)
    await system.tell(ProductDeleted(product_id="prd_2"), sequence=2)
    await system.db["products"].insert_many(
        [{"_id": "prd_1", "sequence": 2, "title": "wrong", "gone": False}, {"_id": "stray", "gone": False}]
    )
    assert await rebuilt(system) == Rebuilt(applied=252)
    found = await titles(system)
    assert len(found) == 249
    assert found["prd_1"] == "newer"
    assert not {"stray", "prd_2"} & found.keys()
    for untouched in ("welcomes", "inbox", "outbox", "parked"):
        assert await system.db[untouched].count_documents({}) == 0, untouched


async def test_what_is_gone_stays_gone_though_its_tombstone_was_compacted_away(system: System) -> None:
    await system.tell(product("prd_1"), product("prd_2"))
    await system.db["products"].insert_one({"_id": "prd_1", "sequence": 2, "gone": True})
    await rebuilt(system)
    await system.tell(product("prd_2", "again"), sequence=3)
    async with running(system.consumer(changed)):
        await eventually(lambda: _is(system, "again", "prd_2"))
    assert await titles(system) == {"prd_2": "again"}


async def test_effects_that_the_inbox_has_forgotten_do_not_happen_again(system: System) -> None:
    await system.tell(product("prd_1"))
    async with running(system.consumer(*HANDLERS)):
        await eventually(lambda: system.db["welcomes"].count_documents({}))
        await system.db["inbox"].delete_many({})
        await rebuilt(system)
    assert await system.db["welcomes"].count_documents({}) == 1
    assert await titles(system) == {"prd_1": "a lamp"}


async def test_news_that_the_consumer_takes_meanwhile_stays(system: System) -> None:
    await system.tell(product("prd_1", "old"))

    async def forget() -> None:
        await emptied("products")(system.db)
        await system.tell(product("prd_1", "new"), sequence=5)
        await eventually(lambda: _is(system, "new"))

    async with running(system.consumer(changed)):
        await rebuild(system.kafka, Subscriptions(GROUP, [changed]), "products", system.transact, forget)
    assert await titles(system) == {"prd_1": "new"}


async def _is(system: System, title: str, product_id: str = "prd_1") -> bool:
    return (await titles(system)).get(product_id) == title


async def test_a_read_model_of_a_log_that_forgets_is_left_as_it_is(system: System) -> None:
    await system.tell(paid("ord_1"))
    await system.db["orders"].insert_one({"_id": "older than the log"})
    with pytest.raises(NotRebuildable, match=r"catalog\.orders\.v1 keeps 14 days"):
        await rebuilt(system, projection="orders")
    assert await system.db["orders"].count_documents({}) == 1


async def test_what_cannot_be_applied_is_reported_and_the_rest_is_made(system: System) -> None:
    await system.tell(*(product(f"prd_{number}") for number in range(20)))
    [poison] = await system.tell(product("prd_5", "poison"), sequence=2)
    await system.produce(type(poison)(poison.topic, "prd_6", poison.headers, b"{}"))
    done = await rebuilt(system)
    assert (done.applied, done.unreadable, done.failed) == (20, 1, [poison.headers["ce_id"]])
    assert len(await titles(system)) == 20
    assert [letter async for letter in letters(system.kafka, GROUP, Which())] == []


async def test_a_projection_that_publishes_is_not_run_again(system: System) -> None:
    @on(ProductChanged, projection="products")
    async def tells(uow: UnitOfWork, event: ProductChanged) -> None:
        from datetime import UTC, datetime

        uow.publish([Fact(StockLow(product_id=event.product_id, left=1, at=datetime.now(UTC)), 1)])

    await system.tell(product("prd_1"))
    with pytest.raises(ProjectionPublishes):
        await rebuilt(system, tells)
    assert await system.db["outbox"].count_documents({}) == 0
