"""Two versions of one event side by side: while producers and readers move, each fact has its effect once."""

from collections.abc import Iterator

import pytest

from shop_events.contracts import Event, Fact, Money
from shop_events.contracts.catalog import OrderPaid
from shop_events.handlers import Handler, on
from shop_events.unit_of_work import UnitOfWork
from tests.events.conftest import System, eventually, paid, products_of, running


@pytest.fixture
def order_paid_v2() -> Iterator[type[Event]]:
    """A second version of OrderPaid, in the same topic, that calls its amount something else."""

    class OrderPaidV2(Event, type="catalog.order.paid.v2", topic="catalog.orders.v1", key="order_id"):
        order_id: str
        amount: Money

    yield OrderPaidV2
    del Event.registry["catalog.order.paid.v2"]


def both(v2: type[Event]) -> list[Handler[Event]]:
    async def keep(uow: UnitOfWork, order_id: str, version: int) -> None:
        await uow.db["receipts"].insert_one({"_id": order_id, "version": version}, session=uow.session)
        await products_of(uow).put(order_id, uow.sequence, {"version": version})

    @on(OrderPaid, effect="receipt:{order_id}")
    async def first(uow: UnitOfWork, event: OrderPaid) -> None:
        await keep(uow, event.order_id, 1)

    @on(v2, effect="receipt:{order_id}")
    async def second(uow: UnitOfWork, event: Event) -> None:
        await keep(uow, event.key, 2)

    return [first, second]


async def test_a_fact_told_in_both_versions_has_its_effect_once(
    system: System, order_paid_v2: type[Event]
) -> None:
    new = {n: order_paid_v2(order_id=f"ord_{n}", amount=Money(amount=1, currency="GBP")) for n in (1, 2, 4)}
    await system.publish(Fact(paid("ord_1"), 1), Fact(new[1], 1))
    await system.publish(Fact(new[2], 1), Fact(paid("ord_2"), 1))
    await system.publish(Fact(paid("ord_3"), 1), Fact(new[4], 1))
    async with running(system.relay(), system.consumer(*both(order_paid_v2))):
        await eventually(lambda: _versions(system, 4))
    assert await _versions(system, 4) == {"ord_1": 1, "ord_2": 2, "ord_3": 1, "ord_4": 2}


async def _versions(system: System, count: int) -> dict[str, int]:
    found = {row["_id"]: row["version"] async for row in system.db["receipts"].find()}
    return found if len(found) == count else {}


async def test_a_reader_that_knows_one_version_is_not_disturbed_by_the_other(
    system: System, order_paid_v2: type[Event]
) -> None:
    old, _ = both(order_paid_v2)
    await system.tell(order_paid_v2(order_id="ord_new", amount=Money(amount=1, currency="GBP")))
    await system.tell(paid("ord_old"))
    async with running(system.consumer(old)):
        await eventually(lambda: _versions(system, 1))
        assert await system.db["parked"].count_documents({}) == 0
    assert await _versions(system, 1) == {"ord_old": 1}
