"""Parcels over HTTP: sent by operators, in one or several, each once; the order follows them."""

import asyncio

import orjson
import pytest

from tests.catalog.conftest import Database, Json, Shop, problem, told

pytestmark = pytest.mark.integration

POST = {"carrier": "Royal Mail", "tracking_number": "AB123456789GB"}
SUPPORT = "usr_7:support"


@pytest.fixture
async def order(shop: Shop) -> Json:
    """Two cups and three pots, paid."""
    cup, pot = await shop.sell(title="Cup"), await shop.sell(title="Pot")
    answer = await shop.order((cup, 2), (pot, 3))
    assert answer.json()["status"] == "paid"
    bought: Json = answer.json()
    return bought


def line(order: Json, place: int, quantity: int) -> Json:
    return {"product_id": order["lines"][place]["product_id"], "quantity": quantity}


async def test_an_order_that_leaves_in_one_parcel_is_fulfilled_and_then_delivered(
    shop: Shop, db: Database, order: Json
) -> None:
    path = f"/v1/orders/{order['id']}"
    answer = await shop.post(f"{path}/shipments", POST, SUPPORT)
    assert answer.status_code == 201, answer.text
    [parcel] = answer.json()["shipments"]
    assert {**parcel, **POST} == parcel
    assert [each["quantity"] for each in parcel["lines"]] == [2, 3]
    assert (answer.json()["status"], parcel["delivered_at"]) == ("fulfilled", None)
    for _ in range(2):
        answer = await shop.put(f"{path}/shipments/{parcel['id']}/delivery", token=SUPPORT)
        assert answer.json()["status"] == "delivered"
    shown = (await shop.show(path)).json()
    assert [each["status"] for each in shown["history"]][-2:] == ["fulfilled", "delivered"]
    assert {each["by"] for each in shown["history"][-2:]} == {"shop"}
    assert (await told(db, "order"))[-2:] == [
        ("catalog.order.shipped.v1", 3),
        ("catalog.order.delivered.v1", 4),
    ]


async def test_an_order_may_leave_in_parcels_by_line_and_quantity(
    shop: Shop, db: Database, order: Json
) -> None:
    path = f"/v1/orders/{order['id']}"
    first = await shop.post(f"{path}/shipments", {**POST, "lines": [line(order, 0, 1)]}, SUPPORT)
    assert first.json()["status"] == "paid"
    parcels = [each["id"] for each in first.json()["shipments"]]
    await shop.put(f"{path}/shipments/{parcels[0]}/delivery", token=SUPPORT)
    rest = await shop.post(f"{path}/shipments", POST, SUPPORT)
    last = rest.json()["shipments"][1]
    assert [each["quantity"] for each in last["lines"]] == [1, 3]
    assert rest.json()["status"] == "fulfilled"
    done = await shop.put(f"{path}/shipments/{last['id']}/delivery", token=SUPPORT)
    assert done.json()["status"] == "delivered"
    events = [orjson.loads(row["value"]) async for row in db.outbox.find().sort("_id", 1)]
    states = [each["state"] for each in events if "shipment_id" in each]
    assert states == ["paid", "paid", "fulfilled", "delivered"]


async def test_no_more_is_sent_than_was_bought(shop: Shop, db: Database, order: Json) -> None:
    path = f"/v1/orders/{order['id']}/shipments"
    await shop.post(path, {**POST, "lines": [line(order, 0, 1)]}, SUPPORT)
    answer = await shop.post(path, {**POST, "lines": [line(order, 0, 2), line(order, 1, 1)]}, SUPPORT)
    assert problem(answer) == (409, "too-many-pieces")
    assert sorted(answer.json()["left"].values()) == [1, 3]
    answers = await asyncio.gather(
        *(shop.post(path, {**POST, "lines": [line(order, 1, 2)]}, SUPPORT) for _ in range(5))
    )
    assert sorted(each.status_code for each in answers) == [201, 409, 409, 409, 409]
    await shop.post(path, POST, SUPPORT)
    assert problem(await shop.post(path, POST, SUPPORT)) == (409, "illegal-move")


async def test_the_same_request_sends_one_parcel(shop: Shop, db: Database, order: Json) -> None:
    path = f"/v1/orders/{order['id']}/shipments"
    body = {**POST, "lines": [line(order, 0, 1)]}
    answers = await asyncio.gather(*(shop.post(path, body, SUPPORT, "key") for _ in range(5)))
    assert {each.status_code for each in answers} == {201}
    assert len({each.json()["shipments"][0]["id"] for each in answers}) == 1
    assert len(await told(db, "order.shipped")) == 1
    other = await shop.post(path, {**POST, "lines": [line(order, 0, 2)]}, SUPPORT, "key")
    assert problem(other) == (422, "key-reused")


async def test_only_operators_send_parcels_and_customers_see_theirs(shop: Shop, order: Json) -> None:
    path = f"/v1/orders/{order['id']}"
    for token in ("usr_1", "usr_2", "usr_3:merchant"):
        assert problem(await shop.post(f"{path}/shipments", POST, token)) == (403, "forbidden")
        assert problem(await shop.put(f"{path}/shipments/shp_1/delivery", token=token)) == (403, "forbidden")
    await shop.post(f"{path}/shipments", POST, SUPPORT)
    [parcel] = (await shop.show(path)).json()["shipments"]
    assert parcel["tracking_number"] == POST["tracking_number"]
    assert problem(await shop.show(path, "usr_2")) == (404, "not-found")


async def test_the_tracking_number_is_in_no_event(shop: Shop, db: Database, order: Json) -> None:
    await shop.post(f"/v1/orders/{order['id']}/shipments", POST, SUPPORT)
    told = [row["value"].decode() async for row in db.outbox.find()]
    assert any("Royal Mail" in each for each in told)
    assert not any(POST["tracking_number"] in each for each in told)


async def test_what_is_not_paid_is_not_sent(shop: Shop) -> None:
    cup = await shop.sell()
    reserved = (await shop.order((cup, 1), payment_method=None)).json()
    answer = await shop.post(f"/v1/orders/{reserved['id']}/shipments", POST, SUPPORT)
    assert problem(answer) == (409, "illegal-move")


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"carrier": ""}, (422, "validation")),
        ({"carrier": "a\nb"}, (422, "validation")),
        ({"tracking_number": "<b>1234"}, (422, "validation")),
        ({"lines": []}, (422, "validation")),
        ({"lines": [{"product_id": "prd_none", "quantity": 1}]}, (422, "unknown-line")),
    ],
)
async def test_a_parcel_that_cannot_be_is_refused(
    shop: Shop, db: Database, order: Json, wrong: Json, expected: tuple[int, str]
) -> None:
    answer = await shop.post(f"/v1/orders/{order['id']}/shipments", {**POST, **wrong}, SUPPORT)
    assert problem(answer) == expected
    missing = await shop.put(f"/v1/orders/{order['id']}/shipments/shp_none/delivery", token=SUPPORT)
    assert problem(missing) == (404, "not-found")
    assert await told(db, "shipped", "delivered") == []
