"""The relay under crashes, pauses and lost history: readers, late ones too, end at the newest sequence."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from shop_events.contracts import Fact
from shop_events.contracts.catalog import ProductDeleted
from shop_events.lease import LEASES
from shop_events.outbox import OUTBOX
from shop_events.outbox_feed import HistoryLost
from shop_events.producing import TransactionalPublisher
from shop_events.relay import RELAY_STATE, OutboxRelay
from tests.events.conftest import System, eventually, paid, product, running

PRODUCTS = "catalog.products.v1"


async def drained(system: System) -> bool:
    return await system.db[OUTBOX].count_documents({}) == 0


async def newest(system: System) -> dict[str, int]:
    """Return the sequence a reader that starts now ends at, per key."""
    return {
        record.key.decode(): int(dict(record.headers)["ce_sequence"])
        for record in await system.read(PRODUCTS)
    }


class DiesBeforeSaving(OutboxRelay):
    """Is gone between the broker's acknowledgement and the saving of its place, once."""

    died = False

    async def _save(self, rows: Any, token: Any) -> None:
        if rows and not self.died:
            self.died = True
            raise AutoReconnect("killed")
        await super()._save(rows, token)


async def test_a_crash_after_acknowledgement_publishes_again_in_order(system: System) -> None:
    for sequence in range(1, 21):
        await system.publish(Fact(product("prd_1"), sequence), Fact(product("prd_2"), sequence))
    relay = DiesBeforeSaving(system.client, system.db, system.kafka, "catalog")
    async with running(relay):
        await eventually(lambda: drained(system))
    records = await system.read(PRODUCTS)
    assert len(records) > 40
    assert len({dict(record.headers)["ce_id"] for record in records}) == 40
    assert await newest(system) == {"prd_1": 20, "prd_2": 20}


class Pauses(OutboxRelay):
    """Stops dead with a batch in hand, past its lease, and then goes on as if nothing had happened."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.paused = asyncio.Event()
        self.resume = asyncio.Event()
        self.refused: BaseException | None = None

    async def _keep_lease(self) -> None:
        await asyncio.Event().wait()

    async def _publish(self, publisher: TransactionalPublisher, rows: Any) -> None:
        self.paused.set()
        await self.resume.wait()
        try:
            await super()._publish(publisher, rows)
        except BaseException as error:
            self.refused = error
            raise


async def test_a_relay_paused_past_its_lease_is_fenced_by_its_successor(system: System) -> None:
    ttl = timedelta(seconds=1)
    old = Pauses(system.client, system.db, system.kafka, "catalog", lease_ttl=ttl)
    await system.publish(Fact(product("prd_1"), 1))
    async with running(old):
        await old.paused.wait()
        async with running(system.relay(lease_ttl=ttl)):
            await eventually(lambda: drained(system))
            for sequence in range(2, 6):
                await system.publish(Fact(product("prd_1"), sequence))
            await eventually(lambda: drained(system))
            old.resume.set()
            await eventually(lambda: old.refused is not None)
            assert await newest(system) == {"prd_1": 5}
    assert len(await system.read(PRODUCTS)) == 5


async def test_a_relay_that_has_lost_its_lease_makes_its_successor_forget_nothing(system: System) -> None:
    place = {"_id": "position", "token": {"_data": "82"}, "refused": [{"topic": "t", "reason": "r"}]}
    await system.db[RELAY_STATE].insert_one(place)
    await system.db[LEASES].insert_one({"_id": "outbox-relay", "holder": "successor"})
    await system.relay()._failed(HistoryLost("woken after a long pause"))
    assert await system.db[RELAY_STATE].find_one({}) == place


async def test_the_place_is_kept_over_a_restart(system: System) -> None:
    for sequence in range(1, 4):
        await system.publish(Fact(product("prd_1"), sequence))
        async with running(system.relay()):
            await eventually(lambda: drained(system))
    assert len(await system.read(PRODUCTS)) == 3


@pytest.mark.parametrize("token", [{"_data": "82"}, None])
async def test_without_a_usable_place_the_outbox_is_swept_by_key_and_sequence(
    system: System, token: Any
) -> None:
    for sequence in range(1, 6):
        await system.publish(Fact(product("prd_b"), sequence), Fact(product("prd_a"), sequence))
    if token:
        await system.db[RELAY_STATE].insert_one({"_id": "position", "token": token})
    async with running(system.relay()):
        await eventually(lambda: drained(system))
        await system.publish(Fact(product("prd_a"), 6))
        await eventually(lambda: drained(system))
    order = [
        (record.key.decode(), int(dict(record.headers)["ce_sequence"]))
        for record in await system.read(PRODUCTS)
    ]
    assert len(order) == 11
    assert [sequence for key, sequence in order if key == "prd_a"] == [1, 2, 3, 4, 5, 6]


async def test_a_row_committed_late_under_an_early_id_is_published(system: System) -> None:
    """Ids are made before the commit: deleting by range, or reading by id, would lose this one."""
    written, go_on = asyncio.Event(), asyncio.Event()

    async def slow(uow: Any) -> None:
        uow.publish([Fact(paid("ord_slow"), 1)])
        await uow.flush()
        written.set()
        await go_on.wait()

    async with running(system.relay()):
        slow_one = asyncio.create_task(system.transact(slow))
        await written.wait()
        await system.publish(Fact(paid("ord_quick"), 1))
        await eventually(lambda: drained(system))
        go_on.set()
        await slow_one
        await eventually(lambda: drained(system))
    keys = {record.key.decode() for record in await system.read("catalog.orders.v1")}
    assert keys == {"ord_slow", "ord_quick"}


async def test_only_one_of_two_relays_publishes_and_the_other_takes_over(system: System) -> None:
    first, second = (system.relay(lease_ttl=timedelta(seconds=1)) for _ in range(2))
    async with running(first):
        await system.publish(Fact(product("prd_1"), 1))
        await eventually(lambda: drained(system))
        async with running(second):
            await system.publish(Fact(product("prd_1"), 2))
            await eventually(lambda: drained(system))
    async with running(second):
        await system.publish(Fact(product("prd_1"), 3))
        await eventually(lambda: drained(system))
    assert len(await system.read(PRODUCTS)) == 3


async def test_a_tombstone_has_no_value_and_keeps_its_headers(system: System) -> None:
    await system.publish(Fact(product("prd_1"), 1), Fact(ProductDeleted(product_id="prd_1"), 2))
    async with running(system.relay()):
        await eventually(lambda: drained(system))
    last = (await system.read(PRODUCTS))[-1]
    assert last.value is None
    assert dict(last.headers)["ce_type"] == b"catalog.product.deleted.v1"


async def test_a_transaction_that_fails_tells_nobody(system: System) -> None:
    async def fails(uow: Any) -> None:
        uow.publish([Fact(paid("ord_1"), 1)])
        await uow.flush()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await system.transact(fails)
    assert await drained(system)


async def test_a_relay_that_could_not_start_is_healthy_once_it_follows_the_outbox(system: System) -> None:
    elsewhere = system.kafka.model_copy(update={"bootstrap_servers": "127.0.0.1:1"})
    relay = OutboxRelay(system.client, system.db, elsewhere, "catalog")
    async with running(relay):
        await eventually(lambda: not relay.healthy)
        relay._kafka = system.kafka
        await eventually(lambda: relay.healthy)
