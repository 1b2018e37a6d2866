"""A cart that nobody comes back to is told of once, whatever runs, stops or is killed meanwhile."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from pymongo import AsyncMongoClient

from shop_events.admin import ensure_topics
from shop_events.contracts.catalog import OrderCancelled, OrderPlaced
from shop_events.contracts.session import CartAbandoned
from shop_events.kafka import KafkaSettings
from shop_session.application import carts
from tests.processes import service
from tests.session.conftest import Device, World, paid
from tests.session.integration.test_process import everything, read_all, until

pytestmark = pytest.mark.integration

HOUR = timedelta(hours=1)


async def look(world: World) -> None:
    """Do what the job does, from several processes at once."""
    await asyncio.gather(*(world.transact(carts.abandon, HOUR) for _ in range(3)))


async def told(world: World) -> list[CartAbandoned]:
    facts = await world.facts()
    return [each.event for each in facts if isinstance(each.event, CartAbandoned)]


async def test_a_cart_nobody_touches_is_abandoned_once_and_again_after_another_change(
    world: World, device: Device
) -> None:
    await device.add("prd_1", 2)
    world.clock.advance(minutes=59)
    await look(world)
    assert await told(world) == []
    world.clock.advance(minutes=1)
    await look(world)
    world.clock.advance(hours=5)
    await look(world)
    (first,) = await told(world)
    assert [(line.product_id, line.quantity) for line in first.lines] == [("prd_1", 2)]
    assert first.at - first.since == HOUR
    await device.add("prd_2")
    world.clock.advance(hours=2)
    await look(world)
    assert [len(each.lines) for each in await told(world)] == [1, 2]


async def test_it_is_about_a_version_of_the_cart_and_is_none_itself(world: World, device: Device) -> None:
    tag = (await device.put("/cart/lines/prd_1", {"quantity": 1})).headers["etag"]
    world.clock.advance(hours=2)
    await look(world)
    changed, abandoned = (await world.facts())[-2:]
    assert abandoned.envelope.sequence == changed.envelope.sequence == 1
    assert abandoned.envelope.id[14] == "5"
    assert (await device.put("/cart/lines/prd_1", {"quantity": 2}, If_Match=tag)).status_code == 200


async def test_a_cart_that_was_emptied_or_changed_meanwhile_is_not_abandoned(world: World) -> None:
    emptied, changed = world.device(), world.device()
    await emptied.add("prd_1")
    await changed.add("prd_1")
    world.clock.advance(minutes=59)
    await emptied.put("/cart/lines/prd_1", {"quantity": 0})
    await changed.put("/cart/lines/prd_1", {"quantity": 2})
    world.clock.advance(minutes=2)
    await look(world)
    assert await told(world) == []


async def test_a_change_and_the_job_at_once_leave_no_cart_forgotten(world: World) -> None:
    """Whichever comes first: what is in the carts in the end is told of in the end, each version once."""
    devices = [world.device() for _ in range(20)]
    for device in devices:
        await device.add("prd_1")
    world.clock.advance(hours=2)
    await asyncio.gather(look(world), *(device.add("prd_2") for device in devices))
    world.clock.advance(hours=2)
    await look(world)
    facts = [each for each in await world.facts() if isinstance(each.event, CartAbandoned)]
    versions = [(each.event.key, each.envelope.sequence) for each in facts]
    assert len(set(versions)) == len(versions)
    assert sorted(version for _, version in versions)[-20:] == [2] * 20


async def test_what_was_ordered_is_not_abandoned(world: World, device: Device) -> None:
    await device.link()
    await device.add("prd_1")
    order = paid("ord_1", prd_1=1)
    said = order.model_dump(exclude={"paid_at"})
    placed = OrderPlaced(**said, placed_at=world.clock.now + timedelta(minutes=5))
    await world.hear(placed, 1)
    world.clock.advance(hours=3)
    await look(world)
    await look(world)
    assert await told(world) == []
    await world.hear(order, 2)
    world.clock.advance(hours=3)
    await look(world)
    assert await told(world) == []


async def test_a_cart_whose_order_was_cancelled_is_abandoned_an_hour_after_that(
    world: World, device: Device
) -> None:
    await device.link()
    await device.add("prd_1")
    world.clock.advance(minutes=50)
    said = paid("ord_1", prd_1=1).model_dump(exclude={"paid_at"})
    cancelled = OrderCancelled(**said, reason="payment_declined", cancelled_at=world.clock.now)
    await world.hear(cancelled, 2)
    world.clock.advance(minutes=59)
    await look(world)
    assert await told(world) == []
    world.clock.advance(minutes=1)
    await look(world)
    (abandoned,) = await told(world)
    assert abandoned.user_id == "usr_ada"
    assert abandoned.since == cancelled.cancelled_at.replace(
        microsecond=cancelled.cancelled_at.microsecond // 1000 * 1000
    )


async def test_a_crash_between_the_mark_and_the_commit_changes_nothing(
    world: World, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    await device.add("prd_1")
    world.clock.advance(hours=2)

    async def crash(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("shop_events.outbox.append", crash)
        with pytest.raises(KeyboardInterrupt):
            await world.transact(carts.abandon, HOUR)
    assert await told(world) == []
    await look(world)
    assert len(await told(world)) == 1


async def test_a_process_that_is_killed_and_started_again_tells_of_each_cart_once(
    mongo_url: str, kafka_bootstrap: str, topic_prefix: str, database_name: str
) -> None:
    await ensure_topics(KafkaSettings(bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix))
    kafka = KafkaSettings(bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix)
    environment = {
        "MONGODB_URL": mongo_url,
        "MONGODB_DATABASE": database_name,
        "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "TOPIC_PREFIX": topic_prefix,
        "CART_ABANDONED_SECONDS": "0.5",
        "CART_ABANDONED_CHECK_SECONDS": "0.1",
    }
    visitors: set[str] = set()
    async with AsyncMongoClient[dict[str, Any]](mongo_url) as client:
        stored = client[database_name].carts
        for _ in range(3):
            async with service("shop_session", environment) as running:
                await running.until_ready()
                for _ in range(10):
                    begun = await running.http.post("/v1/session")
                    mine = {"Session-Id": begun.headers["session-id"]}
                    line = {"quantity": 1}
                    await running.http.put("/v1/session/cart/lines/prd_1", json=line, headers=mine)
                    running.http.cookies.clear()
                    visitors.add(begun.json()["visitor_id"])
                running.process.kill()
        async with service("shop_session", environment) as running:

            async def all_told() -> bool:
                return await stored.count_documents({"untouched_since": None}) == len(visitors)

            await until(all_told)
            abandoned: set[tuple[str, bytes]] = set()
            async with asyncio.timeout(30):
                while {visitor for visitor, _ in abandoned} != visitors:
                    abandoned = ids_of(await read_all(kafka, 3 * len(visitors)))
            assert await running.stop() == 0
    assert len(abandoned) == len(visitors)
    await everything(mongo_url, database_name)


def ids_of(records: list[ConsumerRecord]) -> set[tuple[str, bytes]]:
    """Return visitor and event id of what says that a cart was abandoned."""
    headers = [(record.key.decode(), dict(record.headers)) for record in records]
    kind = CartAbandoned.event_type.encode()
    return {(visitor, said["ce_id"]) for visitor, said in headers if said["ce_type"] == kind}
