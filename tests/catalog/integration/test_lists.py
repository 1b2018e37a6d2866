"""Lists: every filter, every order, counts that agree with what choosing them would show."""

import random
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from shop_catalog.api.listed_products import shown
from shop_catalog.api.product_views import ProductView
from shop_catalog.store.product_documents import product_of
from shop_catalog.store.unit_of_work import Transact
from tests.catalog.conftest import Database, Json, Shop, bearer, problem, until
from tests.catalog.integration.test_ranking import hear, score

pytestmark = pytest.mark.integration

SIZES, COLOURS, BRANDS = ("S", "M", "L"), ("red", "blue"), ("Acme", "Best", "Casa")


def variants(rng: random.Random) -> Iterator[Json]:
    pairs = [(size, colour) for size in SIZES for colour in COLOURS]
    for size, colour in rng.sample(pairs, rng.randint(1, 4)):
        amount = rng.choice([300, 700, 1500, 4000])
        yield {
            "sku": rng.randbytes(5).hex(),
            "options": {"size": size, "colour": colour},
            "prices": [
                {"amount": amount, "currency": "GBP"},
                {"amount": amount + 100, "currency": "EUR"},
            ],
            "stock": rng.choice([0, 0, 3]),
        }


@pytest.fixture
async def stocked(shop: Shop) -> Shop:
    """A shop with thirty products in a tree of categories, some of them drafts."""
    rng = random.Random(7)
    merchant = bearer("usr_m:merchant")
    ids: list[str | None] = [None]
    for name in ("Clothes", "Shirts", "Hats"):
        body = {"name": name, "parent_id": ids[1] if len(ids) > 1 else None}
        ids.append((await shop.http.post("/v1/categories", json=body, headers=merchant)).json()["id"])
    for number in range(30):
        await shop.sell(
            title=f"Thing {number}",
            category_id=rng.choice(ids),
            attributes={"brand": rng.choice(BRANDS), "washable": rng.random() < 0.5},
            variants=list(variants(rng)),
            status=rng.choice(["published", "published", "published", "draft"]),
        )
    return shop


async def listed(shop: Shop, token: str = "", **query: Any) -> list[Json]:
    """Return a whole list, read four at a time."""
    found: list[Json] = []
    cursor: Json = {}
    headers = bearer(token) if token else {}
    while True:
        answer = await shop.http.get("/v1/products", params={"limit": 4, **query, **cursor}, headers=headers)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


async def facets(shop: Shop, **query: Any) -> Json:
    """Return what is counted, once the index has all products."""

    async def are_there() -> bool:
        counted = (await shop.http.get("/v1/products/facets")).json()
        return bool(counted["total"] == len(await listed(shop)))

    await until(are_there)
    answer = await shop.http.get("/v1/products/facets", params=query)
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


@pytest.mark.parametrize("language", ["en", "de"])
async def test_a_list_shows_a_product_as_a_view_does(stocked: Shop, db: Database, language: str) -> None:
    await stocked.sell(
        title='Tëa "&" cup\u2028',
        translations={"de": {"title": "Teetasse", "description": ""}},
        attributes={"washable": True, "height": 80, "brand": "A/B"},
        media=[{"url": "https://img.example/1.jpg"}],
    )
    reviewed = {"ratings": {"4": 2, "5": 1}, "recommended": 2, "revision": 3}
    await db.products.update_one({}, {"$set": {"reviews": reviewed}})
    async for document in db.products.find():
        product = product_of(document)
        view = ProductView.of(product, product.details.best_language(language))
        assert orjson.dumps(shown(document, language)).decode() == view.model_dump_json()


QUERIES: list[dict[str, Any]] = [
    {},
    {"in_stock": True},
    {"option": ["size:L"]},
    {"option": ["size:L", "size:M", "colour:red"], "in_stock": True},
    {"attribute": ["brand:Acme", "brand:Best"], "option": ["colour:blue"]},
    {"currency": "GBP", "price_from": 500, "price_to": 2000, "in_stock": True},
    {
        "currency": "EUR",
        "price_to": 1600,
        "option": ["size:S", "size:L"],
        "attribute": ["washable:true"],
        "in_stock": True,
    },
]


def without(query: dict[str, Any], kind: str, name: str) -> dict[str, Any]:
    kept = [each for each in query.get(kind, []) if not each.startswith(f"{name}:")]
    return {**query, kind: kept}


@pytest.mark.parametrize("query", QUERIES, ids=str)
async def test_each_count_is_that_of_the_list_it_leads_to(stocked: Shop, query: dict[str, Any]) -> None:
    counted = await facets(stocked, **({"currency": "GBP"} | query))
    assert counted["total"] == len(await listed(stocked, **query))
    assert counted["in_stock"] == len(await listed(stocked, **(query | {"in_stock": True})))
    for kind, names in (("attribute", counted["attributes"]), ("option", counted["options"])):
        for name, values in names.items():
            for each in values:
                own = without(query, kind, name)
                own[kind] = [*own[kind], f"{name}:{each['value']}"]
                assert each["count"] == len(await listed(stocked, **own)), own
    for each in counted["categories"]:
        assert each["count"] == len(await listed(stocked, **(query | {"category_id": each["id"]})))
    for each in counted["prices"]:
        bounds = {"currency": query.get("currency", "GBP"), "price_from": each["at_least"]}
        bounds |= {"price_to": each["at_most"]} if each["at_most"] is not None else {}
        own = {name: value for name, value in query.items() if name != "price_to"} | bounds
        assert each["count"] == len(await listed(stocked, **own)), own


async def test_a_category_has_what_is_below_it_and_limits_all_but_its_own_counts(stocked: Shop) -> None:
    clothes, *others = (await facets(stocked))["categories"]
    assert clothes["name"] == "Clothes"
    assert clothes["count"] >= sum(each["count"] for each in others)
    inside = await facets(stocked, category_id=others[0]["id"])
    assert inside["total"] == others[0]["count"]
    assert inside["categories"] == [clothes, *others]


async def test_options_stock_and_price_must_hold_of_the_same_variant(shop: Shop) -> None:
    def one(size: str, amount: int, stock: int) -> Json:
        price = {"amount": amount, "currency": "GBP"}
        return {"sku": f"{size}", "options": {"size": size}, "prices": [price], "stock": stock}

    await shop.sell(variants=[one("S", 100, 5), one("L", 900, 0)])
    assert len(await listed(shop, option="size:L")) == 1
    assert await listed(shop, option="size:L", in_stock=True) == []
    assert await listed(shop, option="size:L", currency="GBP", price_to=500) == []
    counted = await facets(shop, in_stock=True)
    assert counted["options"] == {"size": [{"value": "S", "count": 1}]}


@pytest.mark.parametrize("sort", ["oldest", "newest", "price", "-price", "popular", "trend"])
async def test_every_order_shows_each_product_once(stocked: Shop, transact: Transact, sort: str) -> None:
    everything = await listed(stocked)
    for number, product in enumerate(everything[:6]):
        await hear(transact, score(product, float(number % 3)), 1)
    found = await listed(stocked, sort=sort, currency="GBP")
    assert sorted(each["id"] for each in found) == sorted(each["id"] for each in everything)
    ids, prices = [each["id"] for each in found], [each["price"]["amount"] for each in found]
    match sort:
        case "oldest":
            assert ids == sorted(ids)
        case "newest":
            assert ids == sorted(ids, reverse=True)
        case "price":
            assert prices == sorted(prices)
        case "-price":
            assert prices == sorted(prices, reverse=True)
        case "popular":
            assert ids[:2] == [everything[2]["id"], everything[5]["id"]]


async def test_paging_holds_while_products_come_and_change(shop: Shop) -> None:
    made = [await shop.sell(price=100 * (number % 3)) for number in range(9)]
    query: Json = {"sort": "price", "currency": "GBP", "limit": 3}
    first = (await shop.http.get("/v1/products", params=query)).json()
    await shop.sell(price=0)
    gone = first["items"][-1]
    await shop.http.delete(f"/v1/products/{gone['id']}", headers=bearer("usr_m:merchant"))
    rest: list[Json] = []
    cursor = first["next_cursor"]
    while cursor:
        page = (await shop.http.get("/v1/products", params={**query, "cursor": cursor})).json()
        rest, cursor = rest + page["items"], page["next_cursor"]
    seen = [each["id"] for each in first["items"] + rest]
    assert len(seen) == len(set(seen))
    assert {each["id"] for each in made} <= set(seen)


REFUSED: list[dict[str, Any]] = [
    {"sort": "rank"},
    {"sort": "$natural"},
    {"sort": "price; drop"},
    {"option": "size"},
    {"option": "$where:1"},
    {"option": "a.b:1"},
    {"attribute": "=x:1"},
    {"price_from": "-1", "currency": "GBP"},
    {"price_from": "1.5", "currency": "GBP"},
    {"price_from": str(10**30), "currency": "GBP"},
    {"price_to": "1"},
    {"sort": "price"},
    {"currency": "GBP.x"},
    {"in_stock": "perhaps"},
    {"option": ["size:L"] * 21},
    {"limit": "101"},
    {"status": "secret"},
]


async def test_what_is_no_filter_and_no_order_is_refused(shop: Shop) -> None:
    for query in REFUSED:
        answer = await shop.http.get("/v1/products", params=query)
        assert problem(answer)[0] == 422, query


OPERATORS = ["$gt", '{"$gt": ""}', "$$ROOT", "'; return true; '", "S\x00"]


async def test_an_operator_for_a_value_is_a_value(stocked: Shop) -> None:
    for value in OPERATORS:
        for query in ({"option": f"size:{value}"}, {"attribute": f"brand:{value}"}, {"category_id": value}):
            assert await listed(stocked, **query) == []
            assert (await facets(stocked, **query))["total"] == 0


async def test_a_cursor_belongs_to_its_order(stocked: Shop) -> None:
    page = (await stocked.http.get("/v1/products", params={"sort": "newest", "limit": 2})).json()
    answer = await stocked.http.get("/v1/products", params={"sort": "popular", "cursor": page["next_cursor"]})
    assert problem(answer) == (400, "invalid-cursor")


async def test_drafts_are_listed_for_merchants_alone(stocked: Shop) -> None:
    drafts = await listed(stocked, "usr_m:merchant", status="draft")
    assert drafts
    assert {each["status"] for each in drafts} == {"draft"}
    path, query = "/v1/products", {"status": "draft"}
    refused = await stocked.http.get(path, params=query, headers=bearer("usr_1"))
    assert problem(refused) == (403, "forbidden")
    assert problem(await stocked.http.get(path, params=query)) == (403, "forbidden")
    counted = await stocked.http.get("/v1/products/facets", params=query, headers=bearer("usr_m:merchant"))
    assert problem(counted) == (422, "validation")


async def test_an_unchanged_list_is_not_sent_again(shop: Shop) -> None:
    await shop.sell()
    await facets(shop)
    for path in ("/v1/products", "/v1/products/facets"):
        first = await shop.http.get(path)
        same = await shop.http.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert (same.status_code, same.content) == (304, b"")
    known = (await shop.http.get("/v1/products")).headers["etag"]
    await shop.sell()
    assert (await shop.http.get("/v1/products", headers={"If-None-Match": known})).status_code == 200
