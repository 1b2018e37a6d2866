"""Orders over HTTP: priced here, all or nothing, once per request, seen by their customer alone."""

import asyncio
from typing import Any

import pytest

from tests.catalog.conftest import Database, FakeProvider, Json, Shop, bearer, left, problem, told

pytestmark = pytest.mark.integration


async def test_an_order_is_priced_here_and_paid(shop: Shop, db: Database, provider: FakeProvider) -> None:
    cup, pot = await shop.sell(price=150, title="Cup"), await shop.sell(price=995, title="Pot")
    answer = await shop.order((cup, 2), (pot, 1), expected_total={"amount": 1295, "currency": "GBP"})
    assert answer.status_code == 201, answer.text
    order = answer.json()
    assert (order["status"], order["payment"]["state"]) == ("paid", "captured")
    assert order["total"] == {"amount": 1295, "currency": "GBP"}
    assert [(line["title"], line["line_total"]["amount"]) for line in order["lines"]] == [
        ("Cup", 300),
        ("Pot", 995),
    ]
    assert [change["status"] for change in order["history"]] == ["placed", "reserved", "authorised", "paid"]
    assert await told(db, "order") == [("catalog.order.placed.v1", 1), ("catalog.order.paid.v1", 2)]
    assert [await left(db, each) for each in (cup, pot)] == [8, 9]
    assert (await shop.show(answer.headers["location"])).json() == order
    [charge] = provider.charges
    assert (charge.order_id, charge.amount.amount) == (order["id"], 1295)


async def test_lines_of_the_same_product_share_its_stock(shop: Shop, db: Database) -> None:
    cup = await shop.sell(stock=3)
    assert problem(await shop.order((cup, 2), (cup, 2))) == (409, "out-of-stock")
    order = (await shop.order((cup, 2), (cup, 1))).json()
    assert [line["quantity"] for line in order["lines"]] == [3]
    assert await left(db, cup) == 0


async def test_an_order_takes_all_or_nothing_and_names_what_is_missing(shop: Shop, db: Database) -> None:
    plenty, few, none = await shop.sell(stock=9), await shop.sell(stock=1), await shop.sell(stock=0)
    answer = await shop.order((plenty, 2), (few, 2), (none, 1))
    assert problem(answer) == (409, "out-of-stock")
    assert answer.json()["product_ids"] == sorted([few["id"], none["id"]])
    assert [await left(db, each) for each in (plenty, few, none)] == [9, 1, 0]
    assert await db.orders.count_documents({}) == 0


async def test_fifty_buyers_of_the_last_five_buy_exactly_five(shop: Shop, db: Database) -> None:
    cup = await shop.sell(stock=5)
    answers = await asyncio.gather(*(shop.order((cup, 1), user=f"usr_{n}") for n in range(50)))
    statuses = [answer.status_code for answer in answers]
    assert sorted(statuses) == [201] * 5 + [409] * 45
    assert {problem(answer)[1] for answer in answers if answer.status_code == 409} == {"out-of-stock"}
    assert await left(db, cup) == 0
    assert len(await told(db, "order.paid")) == await db.orders.count_documents({"status": "paid"}) == 5
    assert await told(db, "stock") == [("catalog.stock.out.v1", 1)]


async def test_baskets_that_cross_each_other_do_not_oversell(shop: Shop, db: Database) -> None:
    cup, pot = await shop.sell(stock=10), await shop.sell(stock=10)
    baskets = [((cup, 1), (pot, 1)), ((pot, 1), (cup, 1))] * 10
    answers = await asyncio.gather(
        *(shop.order(*basket, user=f"usr_{n}") for n, basket in enumerate(baskets))
    )
    assert sum(answer.status_code == 201 for answer in answers) == 10
    assert [await left(db, each) for each in (cup, pot)] == [0, 0]


async def test_twenty_equal_requests_at_once_make_one_order(
    shop: Shop, db: Database, provider: FakeProvider
) -> None:
    cup = await shop.sell()
    answers = await asyncio.gather(*(shop.order((cup, 1), key="key") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await left(db, cup) == 9
    assert len(provider.charges) == 1
    again = await shop.order((cup, 1), key="key")
    assert again.json()["status"] == "paid"


async def test_twenty_equal_products_at_once_are_one(shop: Shop, db: Database) -> None:
    body = {"sku": "a", "title": "A", "price": {"amount": 1, "currency": "GBP"}}
    posts = [shop.post("/v1/products", body, "usr_m:merchant", f"key-{n % 2}") for n in range(20)]
    answers = await asyncio.gather(*posts)
    assert sorted({answer.status_code for answer in answers}) == [201, 409]
    assert await db.products.count_documents({}) == 1


async def test_a_key_belongs_to_its_user_and_to_one_request(shop: Shop, db: Database) -> None:
    cup = await shop.sell()
    mine = await shop.order((cup, 1), key="key")
    other = await shop.order((cup, 2), key="key")
    theirs = await shop.order((cup, 2), key="key", user="usr_2")
    assert problem(other) == (422, "key-reused")
    assert mine.json()["id"] != theirs.json()["id"]
    assert await left(db, cup) == 7


@pytest.mark.parametrize(
    "wrong",
    [
        {"total": {"amount": 1, "currency": "GBP"}},
        {"lines": []},
        {"lines": [{"product_id": "prd_1", "quantity": 1, "unit_price": {"amount": 1, "currency": "GBP"}}]},
        {"lines": [{"product_id": "prd_1", "quantity": 0}]},
        {"lines": [{"product_id": "prd_1", "quantity": -1}]},
        {"lines": [{"product_id": "prd_1", "quantity": 1.5}]},
        {"lines": [{"product_id": "prd_1", "quantity": 100_001}]},
        {"lines": [{"product_id": "prd_1", "quantity": 1}] * 501},
        {"payment_method": "4242424242424242"},
        {"expected_total": {"amount": 10**20, "currency": "GBP"}},
        {"customer_id": "usr_2"},
    ],
)
async def test_a_body_that_tries_to_say_more_or_makes_no_sense_is_refused(
    shop: Shop, db: Database, wrong: Json
) -> None:
    cup = await shop.sell()
    assert problem(await shop.order((cup, 1), **wrong)) == (422, "validation")
    assert await db.orders.count_documents({}) == 0


async def test_what_is_larger_than_money_can_be_is_refused_in_an_order_and_in_a_quote(shop: Shop) -> None:
    dear = await shop.sell(price=99_999_999, stock=10_000_000)
    lines = [{"product_id": dear["id"], "quantity": 100_000}] * 500
    for path in ("/v1/orders", "/v1/quotes"):
        assert problem(await shop.post(path, {"lines": lines}, "usr_1")) == (422, "total-too-large")
    assert (await shop.order((dear, 1))).status_code == 201


async def test_an_order_needs_a_key_and_somebody_who_is_signed_in(shop: Shop) -> None:
    body = {"lines": [{"product_id": "prd_1", "quantity": 1}], "payment_method": "pm_card_visa"}
    without_key = await shop.http.post("/v1/orders", json=body, headers=bearer("usr_1"))
    unknown = await shop.http.post("/v1/orders", json=body, headers={"Idempotency-Key": "k"})
    assert problem(without_key) == (400, "idempotency-key")
    assert problem(unknown) == (401, "unauthenticated")


async def test_a_key_that_came_with_another_basket_leads_to_the_order_that_it_made(shop: Shop) -> None:
    cup = await shop.sell()
    order = (await shop.order((cup, 1), key="cart-1")).json()
    for other in ({"payment_method": "pm_other"}, {"payment_method": None}):
        answer = await shop.order((cup, 1), key="cart-1", **other)
        assert problem(answer) == (422, "key-reused")
        assert answer.json()["order_id"] == order["id"]
    assert (
        problem(await shop.order((cup, 1), key="cart-1", user="usr_2", coupon="NONE"))[1] == "coupon-refused"
    )


async def test_a_price_that_changed_meanwhile_is_told_and_nothing_is_bought(
    shop: Shop, db: Database, provider: FakeProvider
) -> None:
    cup = await shop.sell(price=100)
    seen: dict[str, Any] = {"expected_total": {"amount": 200, "currency": "GBP"}}
    await shop.http.patch(
        f"/v1/products/{cup['id']}",
        json={"price": {"amount": 120, "currency": "GBP"}},
        headers={**bearer("usr_m:merchant"), "If-Match": '"v1"'},
    )
    answer = await shop.order((cup, 2), key="key", **seen)
    assert problem(answer) == (409, "price-changed")
    quote = answer.json()["quote"]
    assert quote["total"] == {"amount": 240, "currency": "GBP"}
    assert (await left(db, cup), await db.orders.count_documents({}), provider.charges) == (10, 0, [])
    accepted = await shop.order((cup, 2), key="key", expected_total=quote["total"])
    assert accepted.json()["total"]["amount"] == 240


async def test_two_currencies_in_one_order_are_refused(shop: Shop) -> None:
    cup, pot = await shop.sell(currency="GBP"), await shop.sell(currency="EUR")
    assert problem(await shop.order((cup, 1), (pot, 1))) == (422, "mixed-currencies")


async def test_an_order_that_costs_nothing_is_paid_without_the_provider(
    shop: Shop, db: Database, provider: FakeProvider
) -> None:
    gift = await shop.sell(price=0)
    order = (await shop.order((gift, 1))).json()
    assert (order["status"], order["payment"], provider.charges) == ("paid", None, [])
    assert await told(db, "order") == [("catalog.order.placed.v1", 1), ("catalog.order.paid.v1", 2)]


async def test_someone_elses_order_does_not_exist(shop: Shop) -> None:
    order = (await shop.order((await shop.sell(), 1))).json()
    path = f"/v1/orders/{order['id']}"
    assert (await shop.show(path, "usr_1")).status_code == 200
    assert (await shop.show(path, "usr_a:administrator")).status_code == 200
    assert (await shop.show(path, "usr_a:support")).status_code == 200
    for stranger in ("usr_2", "usr_2:merchant"):
        assert problem(await shop.show(path, stranger)) == (404, "not-found")
    assert problem(await shop.http.get(path))[0] == 401


async def test_customers_list_their_own_orders_newest_first(shop: Shop) -> None:
    cup = await shop.sell()
    mine = [(await shop.order((cup, 1))).json()["id"] for _ in range(3)]
    await shop.order((cup, 1), user="usr_2")
    first = (await shop.show("/v1/orders?limit=2")).json()
    second = (await shop.show(f"/v1/orders?limit=2&cursor={first['next_cursor']}")).json()
    assert [order["id"] for order in first["items"] + second["items"]] == mine[::-1]
    assert second["next_cursor"] is None
    assert (await shop.show("/v1/orders", "usr_9")).json() == {"items": [], "next_cursor": None}
