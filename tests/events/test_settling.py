"""What is set aside: how it is begun, tried and given up, and what is no reason for that."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from pymongo.errors import OperationFailure

from shop_events.contracts import Fact
from shop_events.contracts.catalog import OrderPaid
from shop_events.deliveries import Delivery, Origin, interpret
from shop_events.envelope import encode, envelope_for
from shop_events.handlers import Handler, Subscriptions, on
from shop_events.inbox import INBOX, given_up
from shop_events.outbox import OUTBOX
from shop_events.parking import PARKED
from shop_events.retrier import Retrier
from shop_events.settling import Settler
from shop_events.unit_of_work import Transactor, UnitOfWork, is_disconnected
from tests.events.conftest import GROUP, System, paid


def delivery_of(handler: Handler[Any], replayed: bool = False) -> Delivery:
    event = paid("ord_1")
    message = encode(envelope_for(Fact(event, 1), "catalog"), event)
    origin = Origin(message.topic, 0, 7)
    delivery = interpret(message, origin, Subscriptions(GROUP, [handler]), replayed)
    assert delivery is not None
    return delivery


@pytest.mark.parametrize(("replayed", "parked"), [(False, 0), (True, 1)])
async def test_what_another_consumer_gave_up_on_meanwhile_is_parked_again_only_by_a_replay(
    system: System, replayed: bool, parked: int
) -> None:
    @on(OrderPaid, effect="receipt:{order_id}")
    async def fails_while_another_gives_up(uow: UnitOfWork, event: OrderPaid) -> None:
        letter = {"_id": given_up(delivery.id)}
        await system.db[INBOX].replace_one(letter, letter, upsert=True)
        raise RuntimeError

    delivery = delivery_of(fails_while_another_gives_up, replayed)
    await Settler(system.transact, GROUP, lambda: None).settle([delivery])
    assert await system.db[PARKED].count_documents({}) == parked
    assert await system.db[INBOX].count_documents({}) == 1 - parked


@pytest.mark.parametrize("hold_key", [True, False])
async def test_a_head_that_another_retrier_has_buried_meanwhile_is_not_buried_twice(
    system: System, hold_key: bool
) -> None:
    @on(OrderPaid, effect="receipt:{order_id}", patience=timedelta(0), hold_key=hold_key)
    async def fails(uow: UnitOfWork, event: OrderPaid) -> None:
        raise RuntimeError

    subscriptions = Subscriptions(GROUP, [fails])
    works: list[str] = []

    async def interrupted(work: Any, *args: Any) -> Any:
        works.append(work.__name__)
        if work.__name__ == "_bury":  # our claim lapses here, and another retrier tries and buries
            await _due_again(system)
            assert await Retrier(system.db, system.transact, subscriptions).retry_one()
            assert await system.db[OUTBOX].count_documents({}) == 1
        return await system.transact(work, *args)

    await Settler(system.transact, GROUP, lambda: None).settle([delivery_of(fails)])
    await _due_again(system)
    assert await Retrier(system.db, cast(Transactor[Any], interrupted), subscriptions).retry_one()
    assert works == ["_retry", "_bury"]
    assert await system.db[OUTBOX].count_documents({}) == 1


async def _due_again(system: System) -> None:
    made_due = await system.db[PARKED].update_one({}, [{"$set": {"due_at": "$failed_at"}}])
    assert made_due.matched_count == 1


async def test_a_conflict_that_never_ends_parks_an_event_and_is_no_reason_to_give_it_up(
    system: System,
) -> None:
    @on(OrderPaid, effect="receipt:{order_id}", patience=timedelta(0))
    async def counts(uow: UnitOfWork, event: OrderPaid) -> None:
        await uow.db["hot"].update_one({"_id": 1}, {"$inc": {"orders": 1}}, session=uow.session)

    await system.db["hot"].insert_one({"_id": 1})
    soon_over = Transactor(
        system.client, system.db, lambda db, session: UnitOfWork(db, session, "x"), timedelta(seconds=0.1)
    )
    delivery = delivery_of(counts)
    retrier = Retrier(system.db, soon_over, Subscriptions(GROUP, [counts]))
    async with system.client.start_session() as rival, await rival.start_transaction():
        await system.db["hot"].update_one({"_id": 1}, {"$inc": {"rivals": 1}}, session=rival)
        await Settler(soon_over, GROUP, lambda: None).settle([delivery], is_disconnected)
        for _ in range(3):
            await _due_again(system)
            assert await retrier.retry_one()
        waiting = await system.db[PARKED].find_one({})
        assert waiting
        assert (waiting["tries"], waiting["reason"]) == (1, OperationFailure.__name__)
    await _due_again(system)
    assert await retrier.retry_one()
    assert (await system.db["hot"].find_one({"_id": 1}) or {})["orders"] == 1
    assert await system.db[OUTBOX].count_documents({}) == 0


async def test_an_event_that_nobody_could_try_for_an_hour_is_not_given_up_at_once(system: System) -> None:
    @on(OrderPaid, effect="receipt:{order_id}", patience=timedelta(minutes=1))
    async def fails(uow: UnitOfWork, event: OrderPaid) -> None:
        raise RuntimeError

    await Settler(system.transact, GROUP, lambda: None).settle([delivery_of(fails)])
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    await system.db[PARKED].update_one({}, {"$set": {"failed_at": long_ago, "due_at": long_ago}})
    assert await Retrier(system.db, system.transact, Subscriptions(GROUP, [fails])).retry_one()
    assert await system.db[PARKED].count_documents({"tries": 2}) == 1
