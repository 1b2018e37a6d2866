"""Products over HTTP: who may write, how lists go on, what others are told."""

import secrets
from typing import Any

import pytest

from shop_catalog.jobs.products import republish
from shop_catalog.store.unit_of_work import Transact
from tests.catalog.conftest import Database, Json, Shop, bearer, problem, told

pytestmark = pytest.mark.integration

MERCHANT = bearer("usr_m:merchant")
PRODUCT: Json = {"sku": "85123A", "title": "Holder", "price": {"amount": 255, "currency": "GBP"}, "stock": 3}


async def test_a_product_can_be_read_by_anybody_and_is_told_to_others(shop: Shop, db: Database) -> None:
    made = await shop.post("/v1/products", PRODUCT, "usr_m:merchant")
    assert made.status_code == 201
    shown = await shop.http.get(made.headers["location"])
    assert shown.json() == made.json()
    assert shown.json()["available"] is True
    assert await told(db, "product") == [("catalog.product.changed.v1", 1)]


@pytest.mark.parametrize("token", ["usr_1", "usr_1:support", "usr_1:merchantish"])
async def test_only_merchants_write(shop: Shop, token: str) -> None:
    product = await shop.sell()
    path = f"/v1/products/{product['id']}"
    headers = {**bearer(token), "If-Match": '"v1"', "Idempotency-Key": "k"}
    adjustment = {"delta": 1, "reason": "x"}
    for answer in (
        await shop.http.post("/v1/products", json=PRODUCT, headers=headers),
        await shop.http.patch(path, json={"title": "x"}, headers=headers),
        await shop.http.delete(path, headers=headers),
        await shop.http.post(f"{path}/stock-adjustments", json=adjustment, headers=headers),
    ):
        assert problem(answer) == (403, "forbidden")
    assert problem(await shop.http.post("/v1/products", json=PRODUCT)) == (401, "unauthenticated")


SENSELESS: list[Json] = [
    {"price": {"amount": -1, "currency": "GBP"}},
    {"price": {"amount": 1.5, "currency": "GBP"}},
    {"price": {"amount": "1", "currency": "GBP"}},
    {"price": {"amount": 10**30, "currency": "GBP"}},
    {"price": {"amount": 1, "currency": "pounds"}},
    {"price": {"amount": 1, "currency": "EUX"}},
    {"title": "a\0b"},
    {"title": "a\nb"},
    {"description": "turned \u202eround"},
    {"stock": -1},
    {"title": "   "},
    {"image_url": "javascript:alert(1)"},
    {"available": True},
]


async def test_values_that_make_no_sense_are_refused(shop: Shop, db: Database) -> None:
    for wrong in SENSELESS:
        assert problem(await shop.post("/v1/products", PRODUCT | wrong, "usr_m:merchant"))[0] == 422, wrong
        assert await db.products.count_documents({}) == 0


async def test_the_same_request_makes_one_product(shop: Shop, db: Database) -> None:
    first = await shop.post("/v1/products", PRODUCT, "usr_m:merchant", "key")
    again = await shop.post("/v1/products", PRODUCT, "usr_m:merchant", "key")
    other = await shop.post("/v1/products", PRODUCT | {"title": "Other"}, "usr_m:merchant", "key")
    assert first.json() == again.json()
    assert problem(other) == (422, "key-reused")
    assert await db.products.count_documents({}) == 1


async def test_a_stock_keeping_unit_belongs_to_one_product(shop: Shop) -> None:
    product = await shop.sell(sku="one")
    other = await shop.sell(sku="two")
    assert problem(await shop.post("/v1/products", PRODUCT | {"sku": "one"}, "usr_m:merchant")) == (
        409,
        "sku-taken",
    )
    taken = await shop.http.patch(
        f"/v1/products/{other['id']}", json={"sku": "one"}, headers={**MERCHANT, "If-Match": '"v1"'}
    )
    assert problem(taken) == (409, "sku-taken")
    await shop.http.delete(f"/v1/products/{product['id']}", headers=MERCHANT)
    await shop.sell(sku="one")


async def test_an_unchanged_product_is_not_sent_again(shop: Shop) -> None:
    product = await shop.sell()
    path = f"/v1/products/{product['id']}"
    tag = (await shop.http.get(path)).headers["etag"]
    for named in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = await shop.http.get(path, headers={"If-None-Match": named})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    assert (await shop.http.get(path, headers={"If-None-Match": '"v2"'})).status_code == 200


async def test_a_change_names_the_version_it_is_based_on(shop: Shop, db: Database) -> None:
    product = await shop.sell(category="kitchen")
    path = f"/v1/products/{product['id']}"
    assert problem(await shop.http.patch(path, json={"title": "x"}, headers=MERCHANT))[0] == 428
    changes = {"title": "New", "category": None, "price": {"amount": 5, "currency": "GBP"}}
    changed = await shop.http.patch(path, json=changes, headers={**MERCHANT, "If-Match": '"v1"'})
    shown = changed.json()
    assert {name: shown[name] for name in changes} == changes
    assert shown["variants"][0]["prices"] == [changes["price"]]
    assert changed.headers["etag"] == '"v2"'
    late = await shop.http.patch(path, json={"title": "x"}, headers={**MERCHANT, "If-Match": '"v1"'})
    assert problem(late) == (412, "precondition-failed")
    nothing = await shop.http.patch(path, json={"title": None}, headers={**MERCHANT, "If-Match": '"v2"'})
    assert problem(nothing)[0] == 422
    assert [sequence for _, sequence in await told(db, "product")] == [1, 2]


async def test_a_deleted_product_is_gone_and_leaves_a_tombstone(shop: Shop, db: Database) -> None:
    product = await shop.sell()
    path = f"/v1/products/{product['id']}"
    assert (await shop.http.delete(path, headers=MERCHANT)).status_code == 204
    assert problem(await shop.http.get(path)) == (404, "not-found")
    assert problem(await shop.http.delete(path, headers=MERCHANT)) == (404, "not-found")
    assert problem(await shop.order((product, 1))) == (422, "unknown-products")
    assert (await told(db, "product"))[-1] == ("catalog.product.deleted.v1", 2)
    row = await db.outbox.find_one({"headers.ce_type": "catalog.product.deleted.v1"})
    assert row
    assert row["value"] is None


async def pages(shop: Shop, **query: Any) -> list[Json]:
    """Walk through a list, three at a time, while others put products on sale."""
    found: list[Json] = []
    cursor: Json = {}
    while True:
        page = (await shop.http.get("/v1/products", params={"limit": 3, **query, **cursor})).json()
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        assert len(page["items"]) == 3
        cursor = {"cursor": page["next_cursor"]}


async def test_a_list_shows_each_product_once(shop: Shop) -> None:
    made = [await shop.sell() for _ in range(7)]
    assert await pages(shop) == made
    assert await pages(shop, sku=made[4]["sku"]) == [made[4]]


async def test_a_cursor_of_another_list_is_refused(shop: Shop) -> None:
    for query in ({}, {"sort": "popular"}):
        for cursor in ("x", "W10", "WyJuYW4iLCJhIl0", "WzEsMl0"):
            answer = await shop.http.get("/v1/products", params={**query, "cursor": cursor})
            assert problem(answer) == (400, "invalid-cursor"), (query, cursor)


async def test_stock_is_corrected_once_per_request_and_never_below_zero(shop: Shop, db: Database) -> None:
    product = await shop.sell(stock=2)
    path = f"/v1/products/{product['id']}/stock-adjustments"
    body = {"delta": 5, "reason": "delivery"}
    first = await shop.post(path, body, "usr_m:merchant", "key")
    again = await shop.post(path, body, "usr_m:merchant", "key")
    assert (first.status_code, first.json()["left"]) == (201, 7)
    assert again.json() == first.json()
    refused = await shop.post(path, {"delta": -8, "reason": "loss"}, "usr_m:merchant")
    assert problem(refused) == (409, "stock-out-of-range")
    missing = await shop.post("/v1/products/prd_none/stock-adjustments", body, "usr_m:merchant")
    assert problem(missing) == (404, "not-found")
    assert await db.stock_adjustments.count_documents({}) == 1


async def test_merchants_see_what_is_left_and_how_it_was_corrected(shop: Shop) -> None:
    product = await shop.sell(stock=2)
    path = f"/v1/products/{product['id']}"
    for delta, reason in ((5, "delivery"), (-1, "broken"), (3, "found")):
        await shop.post(f"{path}/stock-adjustments", {"delta": delta, "reason": reason}, "usr_m:merchant")
    left = (await shop.show(f"{path}/stock", "usr_m:merchant")).json()["items"]
    assert [(each["sku"], each["left"]) for each in left] == [(product["sku"], 9)]
    first = (await shop.show(f"{path}/stock-adjustments?limit=2", "usr_m:merchant")).json()
    cursor = first["next_cursor"]
    rest = (await shop.show(f"{path}/stock-adjustments?cursor={cursor}", "usr_m:merchant")).json()
    assert [(each["reason"], each["left"]) for each in first["items"] + rest["items"]] == [
        ("found", 9),
        ("broken", 6),
        ("delivery", 7),
    ]
    assert rest["next_cursor"] is None
    for each in ("stock", "stock-adjustments"):
        assert problem(await shop.show(f"{path}/{each}", "usr_1")) == (403, "forbidden")
        assert problem(await shop.show(f"/v1/products/none/{each}", "usr_m:merchant")) == (404, "not-found")


async def test_the_product_changes_only_when_it_goes_in_or_out_of_stock(shop: Shop, db: Database) -> None:
    product = await shop.sell(stock=8)
    await shop.order((product, 1))
    await shop.order((product, 3))
    assert await told(db, "product", "stock") == [
        ("catalog.product.changed.v1", 1),
        ("catalog.stock.low.v1", 1),
    ]
    await shop.order((product, 4))
    assert (await shop.http.get(f"/v1/products/{product['id']}")).json()["available"] is False
    body = {"delta": 1, "reason": "found one"}
    await shop.post(f"/v1/products/{product['id']}/stock-adjustments", body, "usr_m:merchant")
    assert (await shop.http.get(f"/v1/products/{product['id']}")).json()["available"] is True
    assert await told(db, "stock") == [
        ("catalog.stock.low.v1", 1),
        ("catalog.stock.out.v1", 2),
        ("catalog.stock.back.v1", 3),
    ]
    assert [sequence for _, sequence in await told(db, "product")] == [1, 2, 3]


async def test_all_products_can_be_told_again_as_they_are(
    shop: Shop, db: Database, transact: Transact
) -> None:
    kept = await shop.sell(title="Kept")
    gone = await shop.sell()
    await shop.http.patch(
        f"/v1/products/{kept['id']}", json={"title": "New"}, headers={**MERCHANT, "If-Match": '"v1"'}
    )
    await shop.http.delete(f"/v1/products/{gone['id']}", headers=MERCHANT)
    await db.outbox.delete_many({})
    assert await republish(transact) == 2
    assert await told(db, "product") == [
        ("catalog.product.changed.v1", 2),
        ("catalog.product.deleted.v1", 2),
    ]


async def test_a_very_large_body_is_refused(shop: Shop) -> None:
    body = PRODUCT | {"sku": secrets.token_hex(4), "description": "x" * 10_000_000}
    assert problem(await shop.post("/v1/products", body, "usr_m:merchant"))[0] == 413
