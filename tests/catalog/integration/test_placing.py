"""Orders that are placed together come out as if each had been placed alone, one after the other."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from shop_catalog.application.placing import OrderDesk, Outcome, Placement, Wanted, place_together
from shop_catalog.application.pricing import HouseRules, PriceBook
from shop_catalog.domain.errors import KeyReused, OutOfStock
from shop_catalog.domain.quotes import Basket
from shop_catalog.domain.requests import RequestKey
from shop_catalog.domain.variants import Item
from shop_catalog.store.unit_of_work import Transact
from shop_events.context import Trace, use_trace
from shop_events.contracts import Money
from shop_events.unit_of_work import Transactor
from tests.catalog.conftest import Database, Json, Shop, left, told

pytestmark = pytest.mark.integration

PATIENCE = timedelta(minutes=10)
HOUSE = HouseRules((), {})


@pytest.fixture
def desk(transact: Transact) -> OrderDesk:
    return OrderDesk(transact, PriceBook(transact, timedelta(minutes=1)), PATIENCE)


def basket(*lines: tuple[str, int], total: int | None = None) -> Basket:
    quantities = Counter({Item(product_id, None): count for product_id, count in lines})
    expected = None if total is None else Money(amount=total, currency="GBP")
    return Basket(quantities, expected_total=expected)


def request(user: str, key: str = "order", body: str = "a") -> RequestKey:
    return RequestKey(user, key, body)


def came_of(outcome: Outcome | BaseException) -> str:
    if isinstance(outcome, Placement):
        return (
            f"{'new' if outcome.is_new else 'known'} {outcome.order.customer_id} {outcome.order.total.amount}"
        )
    return type(outcome).__name__


async def placed_at_once(desk: OrderDesk, orders: Sequence[tuple[Basket, RequestKey]]) -> list[str]:
    outcomes = await asyncio.gather(*(desk.place(*each) for each in orders), return_exceptions=True)
    return [came_of(each) for each in outcomes]


async def test_the_one_without_stock_is_refused_and_harms_no_neighbour(
    shop: Shop, db: Database, desk: OrderDesk
) -> None:
    cup, rare = await shop.sell(stock=100), await shop.sell(stock=1)
    wanted = [basket((cup["id"], 2)), basket((cup["id"], 1), (rare["id"], 2)), basket((rare["id"], 1))]
    outcomes = await placed_at_once(
        desk, [(each, request(f"usr_{number}")) for number, each in enumerate(wanted)]
    )
    assert outcomes == ["new usr_0 2000", "OutOfStock", "new usr_2 1000"]
    assert [await left(db, each) for each in (cup, rare)] == [98, 0]
    assert await db.orders.count_documents({}) == 2
    assert not (await shop.show(f"/v1/products/{rare['id']}")).json()["available"]
    assert await told(db, "stock", "order") == [
        ("catalog.order.placed.v1", 1),
        ("catalog.stock.out.v1", 1),
        ("catalog.order.placed.v1", 1),
    ]


async def test_those_that_wait_share_a_transaction(shop: Shop, transact: Transact, db: Database) -> None:
    groups: list[int] = []

    async def counting(work: Any, wanted: Sequence[Wanted], *more: Any) -> list[Outcome]:
        groups.append(len(wanted))
        return await transact(work, wanted, *more)

    prices = PriceBook(transact, timedelta(minutes=1))
    desk = OrderDesk(cast(Transact, counting), prices, PATIENCE)
    cup = await shop.sell(stock=100)
    orders = [(basket((cup["id"], 1)), request(f"usr_{number}")) for number in range(30)]
    assert {each.split()[0] for each in await placed_at_once(desk, orders)} == {"new"}
    assert sum(groups) == 30
    assert len(groups) < 3
    assert await left(db, cup) == 70


def _random_orders(chance: random.Random, products: Sequence[Json]) -> list[tuple[Basket, RequestKey]]:
    orders = []
    for _ in range(chance.randrange(2, 12)):
        lines = [
            (
                chance.choice(products)["id"] if chance.random() < 0.95 else "prd_unknown",
                chance.randrange(1, 4),
            )
            for _ in range(chance.randrange(1, 4))
        ]
        total = 1000 if chance.random() < 0.2 else None
        key = request(f"usr_{chance.randrange(6)}", "order", chance.choice("aab"))
        orders.append((basket(*lines, total=total), key))
    return orders


@pytest.mark.parametrize("seed", range(8))
async def test_they_come_out_as_one_after_the_other(
    shop: Shop, db: Database, transact: Transact, seed: int
) -> None:
    chance = random.Random(seed)
    stocks = [chance.randrange(7) for _ in range(3)]
    together, alone = [[await shop.sell(stock=stock) for stock in stocks] for _ in range(2)]
    as_alone = {one["id"]: other["id"] for one, other in zip(together, alone, strict=True)}
    orders = _random_orders(chance, together)

    wanted = [Wanted(*each) for each in orders]
    outcomes = await transact(place_together, wanted, HOUSE, PATIENCE)

    expected: list[Any] = []
    for each, key in orders:
        lines = [(as_alone.get(item.product_id, "prd_unknown"), n) for item, n in each.quantities.items()]
        total = None if each.expected_total is None else each.expected_total.amount
        other = Wanted(basket(*lines, total=total), RequestKey(key.user_id, "alone", key.fingerprint))
        expected += await transact(place_together, [other], HOUSE, PATIENCE)
    assert [came_of(each) for each in outcomes] == [came_of(each) for each in expected]
    assert [await left(db, each) for each in together] == [await left(db, each) for each in alone]


async def test_the_same_request_twice_at_once_is_one_order(shop: Shop, db: Database, desk: OrderDesk) -> None:
    cup = await shop.sell(stock=10)
    wanted = basket((cup["id"], 1))
    orders = [(wanted, request("usr_1")), (wanted, request("usr_1")), (wanted, request("usr_1", body="b"))]
    assert await placed_at_once(desk, orders) == ["new usr_1 1000", "known usr_1 1000", "KeyReused"]
    with pytest.raises(KeyReused):
        await desk.place(wanted, request("usr_1", body="c"))
    assert await left(db, cup) == 9


async def test_one_that_breaks_the_transaction_breaks_its_own_alone(
    shop: Shop, db: Database, desk: OrderDesk
) -> None:
    cup = await shop.sell(stock=10)
    unspeakable = basket(("prd_\ud800", 1))
    orders = [(basket((cup["id"], 1)), request("usr_0")), (unspeakable, request("usr_1"))]
    orders += [(basket((cup["id"], 11)), request("usr_2")), (basket((cup["id"], 1)), request("usr_3"))]
    first, broken, short, last = await placed_at_once(desk, orders)
    assert (first, short, last) == ("new usr_0 1000", "OutOfStock", "new usr_3 1000")
    assert broken not in ("OutOfStock", "UnknownProducts")
    assert await left(db, cup) == 8


async def test_whoever_stops_waiting_keeps_nobody_from_being_served(
    shop: Shop, db: Database, desk: OrderDesk
) -> None:
    cup = await shop.sell(stock=10)
    waiting = [
        asyncio.create_task(desk.place(basket((cup["id"], 1)), request(f"usr_{number}")))
        for number in range(6)
    ]
    await asyncio.sleep(0)
    waiting[0].cancel()
    waiting[3].cancel()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [came_of(each) for each in outcomes] == [
        "CancelledError" if number in (0, 3) else f"new usr_{number} 1000" for number in range(6)
    ]
    assert await db.orders.count_documents({}) == 10 - await left(db, cup)


async def test_what_is_told_belongs_to_the_request_that_it_is_about(
    shop: Shop, db: Database, desk: OrderDesk
) -> None:
    rare = await shop.sell(stock=2)

    async def order(name: str) -> None:
        with use_trace(Trace.start(name)):
            await desk.place(basket((rare["id"], 1)), request(name))

    await asyncio.gather(order("usr_1"), order("usr_2"))
    told = [
        (row["headers"]["ce_type"], row["headers"]["ce_correlationid"])
        async for row in db.outbox.find({"topic": {"$ne": "catalog.products.v1"}}).sort("_id", 1)
    ]
    assert told == [
        ("catalog.order.placed.v1", "usr_1"),
        ("catalog.stock.out.v1", "usr_2"),
        ("catalog.order.placed.v1", "usr_2"),
    ]


async def test_nothing_is_kept_of_a_group_of_which_all_are_refused(
    shop: Shop, db: Database, desk: OrderDesk
) -> None:
    cup = await shop.sell(stock=1)
    with pytest.raises(OutOfStock):
        await desk.place(basket((cup["id"], 2)), request("usr_1"))
    assert await told(db, "order", "stock") == []
    assert await left(db, cup) == 1


async def test_three_processes_give_away_a_coupon_no_more_often_than_one(
    shop: Shop, db: Database, transact: Transact
) -> None:
    prices = PriceBook(transact, timedelta(minutes=1))
    desks = [OrderDesk(Transactor(db.client, db, transact._factory), prices, PATIENCE) for _ in range(3)]
    terms = {"name": "x", "benefit": {"kind": "percentage", "basis_points": 1000}, "code": "FEW"}
    promised = {"most_uses": 3, "most_per_customer": 1}
    assert (await shop.post("/v1/promotions", {**terms, **promised}, "usr_m:merchant")).status_code == 201
    cup = await shop.sell(stock=100)
    wanted = replace(basket((cup["id"], 1)), coupon="FEW")
    outcomes = await asyncio.gather(
        *(desks[n % 3].place(wanted, request(f"usr_{n % 6}", f"order {n}")) for n in range(30)),
        return_exceptions=True,
    )
    assert Counter(came_of(each).split()[0] for each in outcomes) == {"new": 3, "CouponRefused": 27}
    assert len({each.order.customer_id for each in outcomes if isinstance(each, Placement)}) == 3


async def test_three_processes_make_one_order_of_one_request(
    shop: Shop, db: Database, transact: Transact
) -> None:
    prices = PriceBook(transact, timedelta(minutes=1))
    desks = [OrderDesk(Transactor(db.client, db, transact._factory), prices, PATIENCE) for _ in range(3)]
    cup = await shop.sell(stock=10)
    wanted = [desks[n % 3].place(basket((cup["id"], 1)), request("usr_1")) for n in range(12)]
    assert Counter(came_of(each).split()[0] for each in await asyncio.gather(*wanted)) == {
        "new": 1,
        "known": 11,
    }
    assert await left(db, cup) == 9
