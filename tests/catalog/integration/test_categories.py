"""The category tree: a tree under every change, and products that follow their category."""

import asyncio

import httpx
import pytest

from shop_catalog.jobs.categories import spread
from shop_catalog.store.unit_of_work import Transact
from tests.catalog.conftest import Database, Json, Shop, bearer, problem, told

pytestmark = pytest.mark.integration

MERCHANT = bearer("usr_m:merchant")


async def make(shop: Shop, name: str, parent: Json | None = None) -> Json:
    body = {"name": name, "parent_id": parent and parent["id"]}
    answer = await shop.http.post("/v1/categories", json=body, headers=MERCHANT)
    assert answer.status_code == 201, answer.text
    made: Json = answer.json()
    return made


async def patch(shop: Shop, category: Json, version: int, **changes: object) -> httpx.Response:
    headers = {**MERCHANT, "If-Match": f'"v{version}"'}
    return await shop.http.patch(f"/v1/categories/{category['id']}", json=changes, headers=headers)


async def path_of(shop: Shop, product: Json) -> list[str]:
    shown = (await shop.http.get(f"/v1/products/{product['id']}")).json()
    return [step["name"] for step in shown["category_path"]]


async def test_anybody_reads_the_tree_level_by_level(shop: Shop) -> None:
    home = await make(shop, "Home")
    await make(shop, "Garden")
    for name in ("Kitchen", "bath", "Attic"):
        await make(shop, name, home)
    roots = (await shop.http.get("/v1/categories")).json()["items"]
    assert [each["name"] for each in roots] == ["Garden", "Home"]
    first = (await shop.http.get("/v1/categories", params={"parent_id": home["id"], "limit": 2})).json()
    rest = (
        await shop.http.get(
            "/v1/categories", params={"parent_id": home["id"], "limit": 2, "cursor": first["next_cursor"]}
        )
    ).json()
    assert [each["name"] for each in first["items"] + rest["items"]] == ["Attic", "bath", "Kitchen"]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize("token", ["usr_1", "usr_1:support"])
async def test_only_merchants_change_the_tree(shop: Shop, token: str) -> None:
    home = await make(shop, "Home")
    path, headers = f"/v1/categories/{home['id']}", {**bearer(token), "If-Match": '"v1"'}
    for answer in (
        await shop.http.post("/v1/categories", json={"name": "x"}, headers=headers),
        await shop.http.patch(path, json={"name": "x"}, headers=headers),
        await shop.http.delete(path, headers=headers),
    ):
        assert problem(answer) == (403, "forbidden")


async def test_a_name_is_taken_once_in_its_place(shop: Shop) -> None:
    home = await make(shop, "Home")
    kitchen = await make(shop, "Kitchen", home)
    await make(shop, "Bath", home)
    again = await shop.http.post(
        "/v1/categories", json={"name": "KITCHEN", "parent_id": home["id"]}, headers=MERCHANT
    )
    assert problem(again) == (409, "category-taken")
    assert problem(await patch(shop, kitchen, 1, name="Bath")) == (409, "category-taken")
    await make(shop, "Kitchen")


async def test_the_tree_stays_a_tree(shop: Shop, db: Database) -> None:
    home = await make(shop, "Home")
    kitchen = await make(shop, "Kitchen", home)
    cups = await make(shop, "Cups", kitchen)
    before = await db.categories.find({}, {"held_at": 0}).to_list()
    for refused in (
        await patch(shop, home, 1, parent_id=cups["id"]),
        await patch(shop, home, 1, parent_id=home["id"]),
    ):
        assert problem(refused) == (422, "invalid-category-tree")
    assert problem(await patch(shop, cups, 1, parent_id="cat_none")) == (422, "unknown-category")
    assert problem(await patch(shop, cups, 7, name="x")) == (412, "precondition-failed")
    assert await db.categories.find({}, {"held_at": 0}).to_list() == before


async def test_two_moves_at_once_make_no_ring(shop: Shop, db: Database) -> None:
    one, other = await make(shop, "One"), await make(shop, "Other")
    await asyncio.gather(
        patch(shop, one, 1, parent_id=other["id"]), patch(shop, other, 1, parent_id=one["id"])
    )
    roots = await db.categories.count_documents({"parent_id": None})
    assert roots == 1


async def test_the_tree_has_a_depth(shop: Shop) -> None:
    below: Json | None = None
    for level in range(8):
        below = await make(shop, f"Level {level}", below)
    assert below
    body = {"name": "Too deep", "parent_id": below["id"]}
    refused = await shop.http.post("/v1/categories", json=body, headers=MERCHANT)
    assert problem(refused) == (422, "invalid-category-tree")


async def test_products_follow_a_category_that_is_renamed_or_moved(
    shop: Shop, db: Database, transact: Transact
) -> None:
    home, outdoors = await make(shop, "Home"), await make(shop, "Outdoors")
    kitchen = await make(shop, "Kitchen", home)
    cups = await make(shop, "Cups", kitchen)
    cup = await shop.sell(category_id=cups["id"])
    pot = await shop.sell(category_id=kitchen["id"])
    assert await path_of(shop, cup) == ["Home", "Kitchen", "Cups"]
    moved = (await patch(shop, kitchen, 1, parent_id=outdoors["id"], name="Camping")).json()
    assert [step["name"] for step in moved["path"]] == ["Outdoors", "Camping"]
    while await spread(transact):
        pass
    assert await path_of(shop, cup) == ["Outdoors", "Camping", "Cups"]
    assert await path_of(shop, pot) == ["Outdoors", "Camping"]
    assert (
        await told(db, "product")
        == [("catalog.product.changed.v1", 1)] * 2 + [("catalog.product.changed.v1", 2)] * 2
    )
    assert await spread(transact) is False


async def test_a_category_in_use_is_not_removed(shop: Shop) -> None:
    home = await make(shop, "Home")
    kitchen = await make(shop, "Kitchen", home)
    cup = await shop.sell(category_id=kitchen["id"])
    headers = {**MERCHANT, "If-Match": '"v1"'}
    for category in (home, kitchen):
        answer = await shop.http.delete(f"/v1/categories/{category['id']}", headers=headers)
        assert problem(answer) == (409, "category-in-use")
    await shop.http.delete(f"/v1/products/{cup['id']}", headers=MERCHANT)
    assert (await shop.http.delete(f"/v1/categories/{kitchen['id']}", headers=headers)).status_code == 204
    assert problem(await shop.http.get(f"/v1/categories/{kitchen['id']}")) == (404, "not-found")


async def test_a_product_goes_into_no_category_that_there_is_not(shop: Shop, db: Database) -> None:
    body = {"sku": "x", "title": "x", "price": {"amount": 1, "currency": "GBP"}, "category_id": "cat_none"}
    assert problem(await shop.post("/v1/products", body, "usr_m:merchant")) == (422, "unknown-category")
    assert await db.products.count_documents({}) == 0


async def test_a_category_known_by_name_is_made_once(shop: Shop, db: Database) -> None:
    products = await asyncio.gather(*(shop.sell(category="Kitchen") for _ in range(5)))
    assert {each["category"] for each in products} == {"Kitchen"}
    assert await db.categories.count_documents({}) == 1
