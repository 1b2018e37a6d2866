"""Products in several forms: priced, counted, bought and told one by one; old shapes mean the only one."""

from typing import Any

import orjson
import pytest
from pymongo.errors import WriteError

from shop_events.contracts.catalog import first_variant_id
from tests.catalog.conftest import Database, Json, Shop, bearer, left, problem, told, variant_of

pytestmark = pytest.mark.integration

MERCHANT = bearer("usr_m:merchant")


def gbp(amount: int) -> Json:
    return {"amount": amount, "currency": "GBP"}


def eur(amount: int) -> Json:
    return {"amount": amount, "currency": "EUR"}


def size(sku: str, name: str, price: int = 1000, stock: int = 3, **more: Any) -> Json:
    return {"sku": sku, "options": {"size": name}, "prices": [gbp(price)], "stock": stock, **more}


SHIRT: Json = {"title": "Shirt", "variants": [size("S-1", "S", 900), size("L-1", "L", 1100)]}


async def last_told(db: Database) -> Json:
    row = await db.outbox.find_one({"topic": "catalog.products.v1"}, sort=[("_id", -1)])
    assert row
    return dict(orjson.loads(row["value"]))


async def test_a_product_with_variants_is_shown_and_told_whole(shop: Shop, db: Database) -> None:
    shirt = await shop.sell(**SHIRT)
    assert [each["options"] for each in shirt["variants"]] == [{"size": "S"}, {"size": "L"}]
    assert (shirt["sku"], shirt["price"], shirt["available"]) == ("S-1", gbp(900), True)
    event = await last_told(db)
    assert [each["sku"] for each in event["variants"]] == ["S-1", "L-1"]
    assert event["variants"][0]["variant_id"] == first_variant_id(shirt["id"])


async def test_a_line_says_which_variant_and_each_has_a_stock_of_its_own(shop: Shop, db: Database) -> None:
    shirt = await shop.sell(**SHIRT)
    large = variant_of(shirt, size="L")
    order = (await shop.order((large, 2), expected_total=gbp(2200))).json()
    assert [(line["title"], line["sku"], line["variant_id"]) for line in order["lines"]] == [
        ("Shirt (L)", "L-1", large["variant_id"])
    ]
    stocks = {each["_id"]: each["left"] async for each in db.stock.find()}
    assert stocks == {large["variant_id"]: 1, variant_of(shirt, size="S")["variant_id"]: 3}


async def test_lines_of_the_same_variant_share_its_stock(shop: Shop, db: Database) -> None:
    shirt = await shop.sell(**SHIRT)
    large, small = variant_of(shirt, size="L"), variant_of(shirt, size="S")
    refused = await shop.order((large, 2), (large, 2), (small, 1))
    assert problem(refused) == (409, "out-of-stock")
    assert refused.json()["variant_ids"] == [large["variant_id"]]
    order = (await shop.order((large, 2), (large, 1), (small, 1))).json()
    assert [line["quantity"] for line in order["lines"]] == [3, 1]
    assert await left(db, shirt) == 2


async def test_the_only_variant_needs_no_name_and_may_have_one(shop: Shop, db: Database) -> None:
    cup = await shop.sell(stock=3)
    order = (await shop.order((cup, 1), (variant_of(cup), 1))).json()
    assert [(line["quantity"], line["variant_id"]) for line in order["lines"]] == [
        (2, first_variant_id(cup["id"]))
    ]
    assert await left(db, cup) == 1


async def test_several_variants_need_a_name_and_an_unknown_one_is_refused(shop: Shop, db: Database) -> None:
    shirt = await shop.sell(**SHIRT)
    assert problem(await shop.order((shirt, 1))) == (422, "variant-needed")
    unknown = {"id": shirt["id"], "variant_id": "var_none"}
    assert problem(await shop.order((unknown, 1))) == (422, "unknown-variant")
    path, body = f"/v1/products/{shirt['id']}/stock-adjustments", {"delta": 1, "reason": "found"}
    assert problem(await shop.post(path, body, "usr_m:merchant")) == (422, "variant-needed")
    wrong = body | {"variant_id": "var_none"}
    assert problem(await shop.post(path, wrong, "usr_m:merchant")) == (422, "unknown-variant")
    assert (await left(db, shirt), await db.orders.count_documents({})) == (6, 0)


async def test_a_product_is_to_be_had_while_any_variant_is(shop: Shop, db: Database) -> None:
    shirt = await shop.sell(**SHIRT)
    await shop.order((variant_of(shirt, size="L"), 3))
    shown = (await shop.show(f"/v1/products/{shirt['id']}")).json()
    assert (shown["available"], [each["available"] for each in shown["variants"]]) == (True, [True, False])
    await shop.order((variant_of(shirt, size="S"), 3))
    assert (await shop.show(f"/v1/products/{shirt['id']}")).json()["available"] is False
    assert (await last_told(db))["available"] is False
    assert await told(db, "stock.out") == [("catalog.stock.out.v1", 1)] * 2


async def test_what_is_priced_in_several_currencies_is_paid_in_one_of_them(shop: Shop) -> None:
    prices = [gbp(1000), eur(1200)]
    cup = await shop.sell(variants=[{"sku": "c", "prices": prices, "stock": 5}])
    assert (await shop.order((cup, 2))).json()["total"] == gbp(2000)
    assert (await shop.order((cup, 2), currency="EUR")).json()["total"] == eur(2400)
    assert problem(await shop.order((cup, 1), currency="USD")) == (422, "mixed-currencies")


WRONG = {
    "two alike": [size("a", "S"), size("b", "S")],
    "same sku": [size("a", "S"), size("a", "L")],
    "other options": [size("a", "S"), {**size("b", "L"), "options": {"colour": "red"}}],
    "other currencies": [size("a", "S"), {**size("b", "L"), "prices": [eur(1)]}],
    "two prices in one currency": [{**size("a", "S"), "prices": [gbp(1), gbp(2)]}],
    "negative": [size("a", "S", -1)],
    "huge": [size("a", "S", 10**30)],
    "fractional": [{**size("a", "S"), "prices": [gbp(1) | {"amount": 1.5}]}],
    "no price": [{**size("a", "S"), "prices": []}],
    "negative stock": [size("a", "S", stock=-1)],
    "an option that is an operator": [{**size("a", "S"), "options": {"$gt": "S"}}],
    "an option with a dot": [{**size("a", "S"), "options": {"a.b": "S"}}],
    "a script for a picture": [size("a", "S", media=[{"url": "javascript:alert(1)"}])],
    "too many": [size(str(number), str(number)) for number in range(101)],
}


async def test_variants_that_do_not_fit_together_are_refused(shop: Shop, db: Database) -> None:
    for wrong in WRONG.values():
        body = {"title": "Shirt", "variants": wrong}
        assert problem(await shop.post("/v1/products", body, "usr_m:merchant"))[0] == 422, wrong
        assert await db.products.count_documents({}) == 0
        assert await told(db, "") == []


@pytest.mark.parametrize("more", [{"sku": "x"}, {"price": gbp(1)}, {"stock": 1}])
async def test_a_product_is_described_in_one_way(shop: Shop, more: Json) -> None:
    assert problem(await shop.post("/v1/products", SHIRT | more, "usr_m:merchant"))[0] == 422
    assert problem(await shop.post("/v1/products", {"title": "Nothing"}, "usr_m:merchant"))[0] == 422


async def test_variants_come_change_and_go_under_the_products_version(shop: Shop, db: Database) -> None:
    shirt = await shop.sell(**SHIRT)
    path = f"/v1/products/{shirt['id']}/variants"
    assert problem(await shop.http.post(path, json=size("M-1", "M"), headers=MERCHANT))[0] == 428
    added = await shop.http.post(path, json=size("M-1", "M"), headers={**MERCHANT, "If-Match": '"v1"'})
    assert (added.status_code, added.headers["etag"]) == (201, '"v2"')
    medium = variant_of(added.json(), size="M")
    assert (await shop.order((medium, 3))).status_code == 201
    one = f"{path}/{medium['variant_id']}"
    late = await shop.http.patch(one, json={"prices": [gbp(5)]}, headers={**MERCHANT, "If-Match": '"v1"'})
    assert problem(late) == (412, "precondition-failed")
    changed = await shop.http.patch(one, json={"prices": [gbp(5)]}, headers={**MERCHANT, "If-Match": '"v3"'})
    assert changed.json()["price"] == gbp(5)
    taken = await shop.http.patch(one, json={"sku": "L-1"}, headers={**MERCHANT, "If-Match": '"v4"'})
    assert problem(taken) == (422, "invalid-variants")
    gone = await shop.http.delete(one, headers={**MERCHANT, "If-Match": '"v4"'})
    assert [each["sku"] for each in gone.json()["variants"]] == ["S-1", "L-1"]
    assert problem(await shop.order((medium, 1))) == (422, "unknown-variant")
    assert await db.stock.count_documents({}) == 2


async def test_a_product_keeps_its_last_variant(shop: Shop) -> None:
    cup = await shop.sell()
    path = f"/v1/products/{cup['id']}/variants/{cup['variants'][0]['id']}"
    assert problem(await shop.http.delete(path, headers={**MERCHANT, "If-Match": '"v1"'})) == (
        422,
        "invalid-variants",
    )


async def test_the_price_of_one_of_several_variants_is_not_the_products_to_change(shop: Shop) -> None:
    shirt = await shop.sell(**SHIRT)
    answer = await shop.http.patch(
        f"/v1/products/{shirt['id']}", json={"price": gbp(1)}, headers={**MERCHANT, "If-Match": '"v1"'}
    )
    assert problem(answer) == (422, "variant-needed")


async def test_a_stock_keeping_unit_is_taken_by_a_variant_too(shop: Shop) -> None:
    await shop.sell(**SHIRT)
    body = {"sku": "L-1", "title": "x", "price": gbp(1)}
    assert problem(await shop.post("/v1/products", body, "usr_m:merchant")) == (409, "sku-taken")


async def test_the_database_itself_refuses_a_product_without_variants(shop: Shop, db: Database) -> None:
    await shop.sell()
    with pytest.raises(WriteError):
        await db.products.update_one({}, {"$set": {"variants": []}})
