"""Promotions, coupons and tariffs over HTTP: data that a merchant changes, counted with the order."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from shop_catalog.application.checkout import Checkout
from shop_catalog.application.pricing import PriceBook
from shop_catalog.domain.payments import Declined, Unknown
from shop_catalog.store.unit_of_work import Transact
from tests.catalog.conftest import (
    Database,
    FakeProvider,
    Json,
    Shop,
    bearer,
    grow_old,
    make_due,
    problem,
)

pytestmark = pytest.mark.integration

MERCHANT = "usr_m:merchant"
TENTH = {"kind": "percentage", "basis_points": 1_000}


async def promote(shop: Shop, **terms: Any) -> Json:
    answer = await shop.post("/v1/promotions", {"name": "A tenth off", "benefit": TENTH, **terms}, MERCHANT)
    assert answer.status_code == 201, answer.text
    body: Json = answer.json()
    return body


async def quote(shop: Shop, *lines: tuple[Json, int], **more: Any) -> httpx.Response:
    wanted = [{"product_id": product["id"], "quantity": count} for product, count in lines]
    return await shop.http.post("/v1/quotes", json={"lines": wanted, **more})


async def test_what_is_quoted_is_what_is_paid_and_told(
    shop: Shop, db: Database, provider: FakeProvider
) -> None:
    cup = await shop.sell(price=999)
    await promote(shop)
    fee = {"delivery": [{"amount": 399, "currency": "GBP"}], "tax_basis_points": 2_000}
    await shop.http.put("/v1/tariffs/GB", json=fee, headers=bearer(MERCHANT))
    seen = (await quote(shop, (cup, 3), country="GB")).json()
    assert seen["total"] == {"amount": 2697 + 399, "currency": "GBP"}
    order = (await shop.order((cup, 3), country="GB", expected_total=seen["total"])).json()
    assert (order["status"], order["total"], order["adjustments"]) == (
        "paid",
        seen["total"],
        seen["adjustments"],
    )
    assert [each["title"] for each in order["adjustments"]] == [
        "A tenth off",
        "Delivery",
        "Tax (20 %, included)",
    ]
    assert order["lines"][0]["discount"] == {"amount": 300, "currency": "GBP"}
    assert provider.charges[0].amount.amount == 3096
    [row] = await db.outbox.find({"headers.ce_type": "catalog.order.paid.v1"}).to_list()
    assert b"A tenth off" in bytes(row["value"])
    assert (await shop.show(f"/v1/orders/{order['id']}")).json() == order


async def test_a_total_that_a_promotion_changed_is_answered_with_a_new_quote(shop: Shop) -> None:
    cup = await shop.sell(price=1000)
    await promote(shop)
    answer = await shop.order((cup, 1), expected_total={"amount": 1000, "currency": "GBP"})
    assert problem(answer) == (409, "price-changed")
    assert answer.json()["quote"]["total"]["amount"] == 900
    assert answer.json()["quote"]["adjustments"][0]["amount"]["amount"] == -100


async def test_a_coupon_is_used_as_often_as_it_may_be_and_no_more(shop: Shop, db: Database) -> None:
    cup = await shop.sell(stock=100)
    await promote(shop, code="FIVE", most_uses=5)
    answers = await asyncio.gather(*(shop.order((cup, 1), user=f"usr_{n}", coupon="FIVE") for n in range(20)))
    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [422] * 15
    refused = [answer.json() for answer in answers if answer.status_code == 422]
    assert {each["reason"] for each in refused} == {"used_up"}
    assert await db.orders.count_documents({"total.amount": 900}) == 5
    assert {each["_id"]: each["used"] async for each in db.coupon_uses.find({"used": {"$gt": 1}})} == {
        each["_id"]: 5 async for each in db.promotions.find()
    }


async def test_a_customer_who_asks_twice_at_once_uses_a_coupon_once(shop: Shop) -> None:
    cup = await shop.sell(stock=100)
    await promote(shop, code="ONCE", most_per_customer=1)
    answers = await asyncio.gather(*(shop.order((cup, 1), coupon="ONCE") for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201] + [422] * 4
    again = await shop.http.post(
        "/v1/quotes",
        json={"lines": [{"product_id": cup["id"], "quantity": 1}], "coupon": "ONCE"},
        headers=bearer("usr_1"),
    )
    assert (problem(again), again.json()["reason"]) == ((422, "coupon-refused"), "used_by_you")
    assert (await shop.order((cup, 1), user="usr_2", coupon="ONCE")).status_code == 201


async def test_a_declined_order_keeps_its_coupon_until_it_is_cancelled(
    shop: Shop, provider: FakeProvider
) -> None:
    cup = await shop.sell()
    await promote(shop, code="ONCE", most_uses=1)
    provider.answers = [Declined("card_declined")]
    declined = await shop.order((cup, 1), coupon="ONCE")
    assert problem(declined) == (402, "payment-declined")
    assert problem(await shop.order((cup, 1), coupon="ONCE")) == (422, "coupon-refused")
    await shop.put(f"/v1/orders/{declined.json()['order_id']}/cancellation")
    assert (await shop.order((cup, 1), coupon="ONCE")).status_code == 201
    assert problem(await shop.order((cup, 1), coupon="ONCE")) == (422, "coupon-refused")


async def test_an_abandoned_order_gives_its_coupon_back_once(
    shop: Shop, db: Database, provider: FakeProvider, checkout: Checkout
) -> None:
    cup = await shop.sell()
    await promote(shop, code="ONCE", most_uses=1)
    provider.answers = [Unknown("timeout")] * 3
    await shop.order((cup, 1), coupon="ONCE")
    await grow_old(db, timedelta(hours=1))
    for _ in range(2):
        await make_due(db)
        await checkout.settle_due(10)
    assert {each["used"] async for each in db.coupon_uses.find()} == {0}


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({"code": "OTHER"}, "unknown"),
        ({"code": "SALE", "ends_at": "2020-01-01T00:00:00Z"}, "not_valid_now"),
        ({"code": "SALE", "active": False}, "not_valid_now"),
        ({"code": "SALE", "minimum": {"amount": 5000, "currency": "GBP"}}, "no_effect"),
    ],
)
async def test_a_coupon_that_does_not_hold_buys_nothing(
    shop: Shop, db: Database, terms: Json, reason: str
) -> None:
    cup = await shop.sell(price=1000)
    await promote(shop, **terms)
    for answer in (await shop.order((cup, 1), coupon="SALE"), await quote(shop, (cup, 1), coupon="SALE")):
        assert (problem(answer), answer.json()["reason"]) == ((422, "coupon-refused"), reason)
    assert await db.orders.count_documents({}) == 0


async def test_an_order_that_a_coupon_makes_free_is_paid_at_once(shop: Shop, provider: FakeProvider) -> None:
    cup = await shop.sell(price=1000)
    await promote(shop, code="GIFT", benefit={"kind": "percentage", "basis_points": 10_000})
    order = (await shop.order((cup, 1), coupon="GIFT")).json()
    assert (order["status"], order["total"]["amount"], order["payment"]) == ("paid", 0, None)
    assert provider.charges == []


async def test_a_merchant_reads_changes_and_ends_promotions(shop: Shop) -> None:
    cup = await shop.sell(price=1000)
    made = await promote(shop, code="SALE", starts_at="2020-01-01T00:00:00Z", product_ids=[cup["id"]])
    path = f"/v1/promotions/{made['id']}"
    seen = await shop.show(path, MERCHANT)
    assert seen.json() == made == (await shop.show("/v1/promotions", MERCHANT)).json()["items"][0]
    body = {"name": "Half off", "benefit": {"kind": "percentage", "basis_points": 5_000}}
    headers = {**bearer(MERCHANT), "If-Match": seen.headers["ETag"]}
    changed = await shop.http.put(path, json=body, headers=headers)
    assert (changed.status_code, changed.json()["code"]) == (200, None)
    assert problem(await shop.http.put(path, json=body, headers=headers))[0] == 412
    assert (await quote(shop, (cup, 1))).json()["total"]["amount"] == 500
    assert (await shop.http.delete(path, headers=bearer(MERCHANT))).status_code == 204
    assert problem(await shop.show(path, MERCHANT))[0] == 404
    assert (await quote(shop, (cup, 1))).json()["total"]["amount"] == 1000


async def test_the_same_request_makes_one_promotion_and_a_code_is_there_once(
    shop: Shop, db: Database
) -> None:
    body = {"name": "Sale", "benefit": TENTH, "code": "SALE"}
    answers = [await shop.post("/v1/promotions", body, MERCHANT, "key") for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert problem(await shop.post("/v1/promotions", body, MERCHANT)) == (409, "code-taken")
    assert await db.promotions.count_documents({}) == 1


SENSELESS: list[Json] = [
    {"benefit": {"kind": "percentage", "basis_points": 10_001}},
    {"benefit": {"kind": "percentage", "basis_points": 0}},
    {"benefit": {"kind": "amount", "amount": {"amount": -1, "currency": "GBP"}}},
    {"benefit": {"kind": "buy_x_get_y", "buy": 0, "free": 1}},
    {"benefit": {"kind": "free_lunch"}},
    {"code": "lower case"},
    {"most_uses": 1},
    {"starts_at": "2027-01-01T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z"},
    {"starts_at": "2027-01-01T00:00:00"},
    {"starts_at": "0001-01-01T00:00:00+23:59"},
    {"ends_at": "9999-12-31T23:59:59-23:59"},
    {"benefit": {"kind": "amount", "amount": {"amount": 0, "currency": "GBP"}}},
]


async def test_terms_that_make_no_sense_are_refused(shop: Shop, db: Database) -> None:
    for wrong in SENSELESS:
        answer = await shop.post("/v1/promotions", {"name": "Sale", "benefit": TENTH, **wrong}, MERCHANT)
        assert problem(answer)[0] == 422, wrong
        assert await db.promotions.count_documents({}) == 0


async def test_prices_are_the_merchants_alone(shop: Shop, db: Database) -> None:
    refused = [
        await shop.post("/v1/promotions", {"name": "Mine", "benefit": TENTH}, "usr_1"),
        await shop.show("/v1/promotions"),
        await shop.http.put("/v1/tariffs/GB", json={}, headers=bearer("usr_1")),
        await shop.http.delete("/v1/tariffs/GB", headers=bearer("usr_1")),
    ]
    assert {problem(answer) for answer in refused} == {(403, "forbidden")}
    assert await db.promotions.count_documents({}) == await db.tariffs.count_documents({}) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"delivery": [{"amount": 1, "currency": "GBP"}, {"amount": 2, "currency": "GBP"}]},
        {"delivery": [{"amount": -1, "currency": "GBP"}]},
        {"tax_basis_points": 10_001},
    ],
)
async def test_a_tariff_that_makes_no_sense_is_refused(shop: Shop, db: Database, wrong: Json) -> None:
    assert problem(await shop.put("/v1/tariffs/GB", wrong, MERCHANT)) == (422, "validation")
    assert await db.tariffs.count_documents({}) == 0


async def test_a_country_without_a_tariff_costs_what_it_costs_elsewhere(shop: Shop) -> None:
    cup = await shop.sell(price=1000)
    for country, amount in (("*", 900), ("GB", 300)):
        fee = {"delivery": [{"amount": amount, "currency": "GBP"}]}
        answer = await shop.http.put(f"/v1/tariffs/{country}", json=fee, headers=bearer(MERCHANT))
        assert answer.status_code == 200
    totals = [
        (await quote(shop, (cup, 1), country=country)).json()["total"]["amount"]
        for country in ("GB", "NZ", None)
    ]
    assert totals == [1300, 1900, 1900]
    await shop.http.delete("/v1/tariffs/GB", headers=bearer(MERCHANT))
    assert [each["country"] for each in (await shop.http.get("/v1/tariffs")).json()["items"]] == ["*"]


async def test_house_rules_are_remembered_for_a_moment(shop: Shop, transact: Transact) -> None:
    prices = PriceBook(transact, lifetime=timedelta(hours=1))
    assert (await prices.rules()).promotions == ()
    await promote(shop)
    assert (await prices.rules()).promotions == ()
    assert len((await PriceBook(transact, lifetime=timedelta()).rules()).promotions) == 1
