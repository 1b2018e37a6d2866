"""A database that an earlier version left is made fit for this one."""

from collections.abc import AsyncIterator

import pytest

from shop_catalog.store.schema import migrate
from shop_events import migrations
from tests.catalog.conftest import Database, Json, Shop
from tests.databases import Databases

pytestmark = pytest.mark.integration


@pytest.fixture
async def db(databases: Databases) -> AsyncIterator[Database]:
    """Not the others' one, since indexes and validators are taken away."""
    async with databases.own(migrations.migrate, migrate) as database:
        yield database


def gbp(amount: int) -> Json:
    return {"amount": amount, "currency": "GBP"}


OLD_PRODUCT: Json = {
    "_id": "prd_01",
    "request": {"user_id": "usr_m", "key": "k", "fingerprint": "f"},
    "sku": "85123A",
    "title": "Holder",
    "description": "White",
    "category": "Kitchen",
    "price": gbp(255),
    "image_url": "https://shop.example/1.jpg",
    "available": True,
    "deleted": False,
    "version": 4,
}


async def test_documents_from_before_there_were_variants_become_products_with_one(
    shop: Shop, db: Database
) -> None:
    for name in ("products", "stock", "stock_adjustments"):
        await db.command("collMod", name, validator={})
        await db[name].drop_indexes()
    await db.products.insert_one(dict(OLD_PRODUCT))
    await db.products.insert_one(
        OLD_PRODUCT
        | {
            "_id": "prd_02",
            "sku": "2",
            "category": None,
            "image_url": None,
            "request": {"user_id": "usr_m", "key": "l", "fingerprint": "f"},
        }
    )
    await db.stock.insert_one({"_id": "prd_01", "left": 6, "version": 2})
    adjusted = {"product_id": "prd_01", "delta": 6, "left": 6, "request": OLD_PRODUCT["request"]}
    await db.stock_adjustments.insert_one({"_id": "adj_01", **adjusted})
    for _ in range(2):
        await migrate(db)
    shown = (await shop.show("/v1/products/prd_01")).json()
    assert (shown["sku"], shown["price"], shown["category"]) == ("85123A", gbp(255), "Kitchen")
    assert (shown["image_url"], shown["variants"][0]["id"]) == ("https://shop.example/1.jpg", "var_01")
    assert (await shop.show("/v1/products/prd_02")).json()["category"] is None
    assert (await shop.order(({"id": "prd_01"}, 2))).status_code == 201
    assert await db.stock.find().to_list() == [
        {"_id": "var_01", "product_id": "prd_01", "left": 4, "version": 3}
    ]
    found = await db.stock_adjustments.find_one({})
    assert found is not None
    assert found["variant_id"] == "var_01"


async def test_reversals_of_earlier_versions_forget_the_card(db: Database) -> None:
    known = {"order_id": "ord_1", "amount": gbp(1), "method": "pm_first", "intent_id": None, "state": "open"}
    await db.payment_reversals.insert_one({"_id": "pay_1", **known, "check": {}})
    await migrate(db)
    del known["method"]
    assert await db.payment_reversals.find().to_list() == [{"_id": "pay_1", **known, "check": {}}]
