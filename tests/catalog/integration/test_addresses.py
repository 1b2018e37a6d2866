"""Where orders go: kept with the order, shown to its customer and to operators, told to nobody else."""

import logging

import orjson
import pytest

from tests.catalog.conftest import Database, Json, Shop, bearer, problem

pytestmark = pytest.mark.integration

ADDRESS: Json = {
    "name": "Ada Lovelace",
    "lines": ["12 St James's Square", "Top floor"],
    "city": "Marylebone",
    "postal_code": "SW1Y 4JH",
    "country": "GB",
}


@pytest.fixture
async def cup(shop: Shop) -> Json:
    return await shop.sell(stock=5)


async def test_customers_and_operators_see_where_an_order_goes_and_nobody_else(shop: Shop, cup: Json) -> None:
    order = (await shop.order((cup, 1), address=ADDRESS)).json()
    assert order["address"] == {**ADDRESS, "region": None}
    path = f"/v1/orders/{order['id']}"
    for user in ("usr_1", "usr_7:support", "usr_8:administrator"):
        assert (await shop.show(path, user)).json()["address"] == order["address"]
    for user in ("usr_2", "usr_3:merchant"):
        assert problem(await shop.show(path, user)) == (404, "not-found")


async def test_an_address_is_in_no_event_and_in_no_log(
    shop: Shop, db: Database, cup: Json, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        await shop.order((cup, 1), address=ADDRESS)
    rows = [orjson.dumps(row, default=str).decode() async for row in db.outbox.find()]
    told = "".join([*rows, *(record.getMessage() + repr(record.__dict__) for record in caplog.records)])
    assert "order.paid" in told
    personal = [ADDRESS["name"], *ADDRESS["lines"], ADDRESS["city"], ADDRESS["postal_code"]]
    assert not [each for each in personal if each in told]


async def test_the_address_says_which_tariff_holds(shop: Shop, cup: Json) -> None:
    tariff = {"tax_basis_points": 2000, "tax_included": False}
    put = await shop.http.put("/v1/tariffs/GB", json=tariff, headers=bearer("usr_m:merchant"))
    assert put.is_success, put.text
    order = (await shop.order((cup, 1), address=ADDRESS)).json()
    assert order["total"]["amount"] == 1200
    assert (await shop.order((cup, 1))).json()["total"]["amount"] == 1000


NO_ADDRESS: list[Json] = [
    {"name": ""},
    {"name": "x" * 121},
    {"name": "Ada\nBcc: everybody"},
    {"lines": []},
    {"lines": ["a", "b", "c", "d"]},
    {"city": "  "},
    {"country": "gb"},
    {"country": "DE"},
    {"postal_code": "<script>"},
    {"phone": "1"},
]


async def test_what_is_no_address_is_refused_and_not_repeated(shop: Shop, db: Database, cup: Json) -> None:
    for wrong in NO_ADDRESS:
        answer = await shop.order((cup, 1), address={**ADDRESS, **wrong}, country="GB")
        assert problem(answer)[0] == 422, wrong
        assert "Lovelace" not in answer.text
        assert "script" not in answer.text
        assert await db.orders.count_documents({}) == 0


async def test_the_same_request_with_another_address_is_another_request(shop: Shop, cup: Json) -> None:
    assert (await shop.order((cup, 1), key="key", address=ADDRESS)).status_code == 201
    answer = await shop.order((cup, 1), key="key", address={**ADDRESS, "city": "Leeds"})
    assert problem(answer) == (422, "key-reused")
