"""Goods given back: asked for by the customer, decided by operators; what was paid for them follows."""

import asyncio
from datetime import datetime, timedelta

import pytest

from shop_catalog.application.checkout import Checkout
from shop_catalog.application.clock import now
from shop_catalog.domain.payments import Unknown
from tests.catalog.conftest import Database, FakeProvider, Json, Shop, left, make_due, problem, told

pytestmark = pytest.mark.integration

SUPPORT = "usr_7:support"


@pytest.fixture
async def cup(shop: Shop) -> Json:
    return await shop.sell(price=1000, stock=10)


@pytest.fixture
async def order(shop: Shop, cup: Json) -> Json:
    """Three cups of 10 pounds, delivered."""
    bought = (await shop.order((cup, 3))).json()
    path = f"/v1/orders/{bought['id']}/shipments"
    [parcel] = (await shop.post(path, {"carrier": "Royal Mail"}, SUPPORT)).json()["shipments"]
    delivered: Json = (await shop.put(f"{path}/{parcel['id']}/delivery", token=SUPPORT)).json()
    assert delivered["status"] == "delivered"
    return delivered


def wanted(cup: Json, count: int) -> Json:
    return {"lines": [{"product_id": cup["id"], "quantity": count}], "reason": "too small"}


async def ask(shop: Shop, order: Json, body: Json) -> str:
    answer = await shop.post(f"/v1/orders/{order['id']}/returns", body, "usr_1")
    assert answer.status_code == 201, answer.text
    id: str = answer.json()["returns"][-1]["id"]
    return id


async def decide(shop: Shop, order: Json, id: str, **body: bool | str) -> Json:
    path = f"/v1/orders/{order['id']}/returns/{id}/decision"
    answer = await shop.put(path, {"accepted": True, **body}, SUPPORT)
    assert answer.status_code == 200, answer.text
    shown: Json = answer.json()
    return shown


async def test_what_comes_back_is_paid_back_and_sold_again(
    shop: Shop, db: Database, provider: FakeProvider, cup: Json, order: Json
) -> None:
    asked = await ask(shop, order, wanted(cup, 1))
    assert (provider.repayments, await left(db, cup)) == ([], 7)
    for _ in range(2):
        shown = await decide(shop, order, asked, restock=True)
        assert (shown["status"], shown["returns"][0]["state"]) == ("delivered", "accepted")
    assert [(each["amount"]["amount"], each["return_id"]) for each in shown["refunds"]] == [(1000, asked)]
    assert (len(provider.repayments), await left(db, cup)) == (1, 8)
    [adjustment] = await db.stock_adjustments.find({"reason": f"return {asked}"}).to_list()
    assert (adjustment["delta"], adjustment["left"]) == (1, 8)
    assert (await told(db, "order"))[-2:] == [
        ("catalog.order.returned.v1", 5),
        ("catalog.order.refunded.v1", 6),
    ]


async def test_an_order_that_comes_back_whole_is_returned_and_then_refunded(
    shop: Shop, db: Database, provider: FakeProvider, checkout: Checkout, order: Json
) -> None:
    cup = {"id": order["lines"][0]["product_id"]}
    await decide(shop, order, await ask(shop, order, wanted(cup, 1)))
    provider.refund_answers = [Unknown("timeout")]
    shown = await decide(shop, order, await ask(shop, order, wanted(cup, 2)))
    assert (shown["status"], shown["refunds"][1]["state"]) == ("returned", "pending")
    await make_due(db)
    await checkout.refund_due(10)
    shown = (await shop.show(f"/v1/orders/{order['id']}")).json()
    assert [each["status"] for each in shown["history"]][-2:] == ["returned", "refunded"]
    assert sum(each.amount.amount for each in set(provider.repayments)) == 3000
    assert await left(db, cup) == 7, "nobody said that it can be sold again"


async def test_deciding_at_once_pays_back_once(
    shop: Shop, db: Database, provider: FakeProvider, cup: Json, order: Json
) -> None:
    asked = await ask(shop, order, wanted(cup, 2))
    await asyncio.gather(*(decide(shop, order, asked, restock=True) for _ in range(5)))
    assert [each.amount.amount for each in provider.repayments] == [2000]
    assert await left(db, cup) == 9


async def test_what_was_refunded_before_is_not_paid_back_again(
    shop: Shop, provider: FakeProvider, cup: Json, order: Json
) -> None:
    await shop.post(f"/v1/orders/{order['id']}/refunds", {**wanted(cup, 2)}, SUPPORT)
    shown = await decide(shop, order, await ask(shop, order, wanted(cup, 3)))
    assert [each.amount.amount for each in provider.repayments] == [2000, 1000]
    assert shown["status"] == "refunded"


async def test_a_return_that_is_declined_can_be_asked_for_again(
    shop: Shop, db: Database, provider: FakeProvider, cup: Json, order: Json
) -> None:
    asked = await ask(shop, order, wanted(cup, 3))
    shown = await decide(shop, order, asked, accepted=False, restock=True, note="It was used.")
    assert (shown["returns"][0]["state"], shown["returns"][0]["note"]) == ("declined", "It was used.")
    assert (provider.repayments, await left(db, cup)) == ([], 7)
    assert await told(db, "return") == [("catalog.order.return-declined.v1", 5)]
    path = f"/v1/orders/{order['id']}/returns/{asked}/decision"
    assert problem(await shop.put(path, {"accepted": True}, SUPPORT)) == (409, "illegal-move")
    await ask(shop, order, wanted(cup, 3))


async def test_the_words_of_customers_and_operators_are_in_no_event(
    shop: Shop, db: Database, cup: Json, order: Json
) -> None:
    await decide(shop, order, await ask(shop, order, wanted(cup, 1)), accepted=False, note="It was used.")
    values = "".join([row["value"].decode() async for row in db.outbox.find()])
    assert "return" in values
    assert not [each for each in ("too small", "It was used.") if each in values]


async def test_no_more_is_returned_than_was_sent(shop: Shop, cup: Json, order: Json) -> None:
    path = f"/v1/orders/{order['id']}/returns"
    await ask(shop, order, wanted(cup, 2))
    assert problem(await shop.post(path, wanted(cup, 2), "usr_1")) == (409, "too-many-pieces")
    fresh = (await shop.order((cup, 1))).json()
    unsent = await shop.post(f"/v1/orders/{fresh['id']}/returns", wanted(cup, 1), "usr_1")
    assert problem(unsent) == (409, "too-many-pieces")


async def test_the_same_request_asks_once(shop: Shop, cup: Json, order: Json) -> None:
    path = f"/v1/orders/{order['id']}/returns"
    answers = await asyncio.gather(*(shop.post(path, wanted(cup, 1), "usr_1", "key") for _ in range(5)))
    assert {len(each.json()["returns"]) for each in answers} == {1}
    assert problem(await shop.post(path, wanted(cup, 2), "usr_1", "key")) == (422, "key-reused")


async def test_customers_ask_for_their_own_orders_and_operators_decide(
    shop: Shop, cup: Json, order: Json
) -> None:
    path = f"/v1/orders/{order['id']}/returns"
    assert problem(await shop.post(path, wanted(cup, 1), "usr_2")) == (404, "not-found")
    asked = await ask(shop, order, wanted(cup, 1))
    for token in ("usr_1", "usr_2", "usr_3:merchant"):
        answer = await shop.put(f"{path}/{asked}/decision", {"accepted": True}, token)
        assert problem(answer) == (403, "forbidden")
    missing = await shop.put(f"{path}/rtn_none/decision", {"accepted": True}, SUPPORT)
    assert problem(missing) == (404, "not-found")


async def waiting(shop: Shop, what: str, cursor: str = "") -> Json:
    answer = await shop.show(f"/v1/orders?limit=2&waiting_for={what}{cursor}", SUPPORT)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def test_operators_see_what_waits_for_them_oldest_first(shop: Shop, cup: Json, order: Json) -> None:
    paid = [(await shop.order((cup, 1), user=f"usr_{n}")).json()["id"] for n in range(3)]
    await shop.order((cup, 1), payment_method=None)
    first = await waiting(shop, "shipment")
    rest = await waiting(shop, "shipment", f"&cursor={first['next_cursor']}")
    assert [each["id"] for each in first["items"] + rest["items"]] == paid
    assert (await waiting(shop, "decision"))["items"] == []
    asked = await ask(shop, order, wanted(cup, 1))
    assert [each["id"] for each in (await waiting(shop, "decision"))["items"]] == [order["id"]]
    await decide(shop, order, asked, accepted=False)
    assert (await waiting(shop, "decision"))["items"] == []


async def test_customers_do_not_see_what_waits_for_operators(shop: Shop, order: Json) -> None:
    for token in ("usr_1", "usr_3:merchant"):
        answer = await shop.show("/v1/orders?waiting_for=shipment", token)
        assert problem(answer) == (403, "forbidden")
    assert problem(await shop.show("/v1/orders?waiting_for=godot", SUPPORT)) == (422, "validation")


async def arrived(db: Database, days: float) -> None:
    """Let all parcels that have arrived have done so ``days`` ago."""
    then = now() - timedelta(days=days)
    await db.orders.update_many(
        {},
        {"$set": {"shipments.$[arrived].delivered_at": then}},
        array_filters=[{"arrived.delivered_at": {"$ne": None}}],
    )


async def test_goods_are_returned_for_thirty_days_after_delivery_and_not_later(
    shop: Shop, db: Database, cup: Json, order: Json
) -> None:
    path = f"/v1/orders/{order['id']}/returns"
    await arrived(db, 29.9)
    first = await shop.post(path, wanted(cup, 1), "usr_1", "in-time")
    assert first.status_code == 201
    await arrived(db, 30.1)
    late = await shop.post(path, wanted(cup, 1), "usr_1")
    assert problem(late) == (409, "return-too-late")
    assert datetime.fromisoformat(late.json()["until"]) < now()
    again = await shop.post(path, wanted(cup, 1), "usr_1", "in-time")
    assert (again.status_code, again.json()["returns"]) == (201, first.json()["returns"])


async def test_the_time_begins_when_the_last_parcel_has_arrived(shop: Shop, db: Database, cup: Json) -> None:
    order = (await shop.order((cup, 3))).json()
    path = f"/v1/orders/{order['id']}"
    parcel = {"carrier": "x", "lines": [{"product_id": cup["id"], "quantity": 1}]}
    [sent] = (await shop.post(f"{path}/shipments", parcel, SUPPORT)).json()["shipments"]
    await shop.put(f"{path}/shipments/{sent['id']}/delivery", token=SUPPORT)
    await arrived(db, 40)
    assert problem(await shop.post(f"{path}/returns", wanted(cup, 1), "usr_1")) == (409, "return-too-late")
    await shop.post(f"{path}/shipments", {"carrier": "x"}, SUPPORT)
    await ask(shop, order, wanted(cup, 1))
