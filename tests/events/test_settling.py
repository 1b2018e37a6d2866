"""A consumer that was away for long: what others have brought to an end meanwhile is not begun again."""

from datetime import timedelta
from typing import Any

import pytest

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
from shop_events.unit_of_work import UnitOfWork
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
    in_the_way = True

    @on(OrderPaid, effect="receipt:{order_id}", patience=timedelta(0), hold_key=hold_key)
    async def fails(uow: UnitOfWork, event: OrderPaid) -> None:
        nonlocal in_the_way
        if parked and in_the_way:  # our claim lapses here, and another retrier tries and buries
            in_the_way = False
            await system.db[PARKED].update_one({}, {"$set": {"due_at": parked["failed_at"]}})
            assert await Retrier(system.db, system.transact, subscriptions).retry_one()
        raise RuntimeError

    parked: Any = None
    subscriptions = Subscriptions(GROUP, [fails])
    delivery = delivery_of(fails)
    await Settler(system.transact, GROUP, lambda: None).settle([delivery])
    parked = await system.db[PARKED].find_one_and_update({}, [{"$set": {"due_at": "$failed_at"}}])
    assert await Retrier(system.db, system.transact, subscriptions).retry_one()
    assert await system.db[OUTBOX].count_documents({}) == 1
