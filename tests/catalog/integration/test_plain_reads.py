"""Visitors are answered past FastAPI as by it, and from memory for as long as nothing changes."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from shop_catalog.api.plain_reads import PlainReads
from shop_catalog.store.product_changes import ProductChanges
from tests.catalog.conftest import Database, Json, Shop, bearer, problem, until

pytestmark = pytest.mark.integration

MERCHANT = "usr_m:merchant"
GERMAN = {"de": {"title": "Tasse", "description": "Aus Emaille"}}


@pytest.fixture
async def listening(db: Database, reads: PlainReads) -> AsyncIterator[asyncio.Task[None]]:
    """Let the memory hear of changes; cancelled, it does no more."""
    task = asyncio.create_task(ProductChanges(db, reads.kept).run(asyncio.Event()))

    async def is_open() -> bool:
        return reads.kept.is_open

    await until(is_open)
    yield task
    task.cancel()
    await asyncio.wait([task])


async def rename(shop: Shop, product: Json, title: str) -> None:
    path, version = f"/v1/products/{product['id']}", '"v1"'
    answer = await shop.http.patch(
        path, json={"title": title}, headers={**bearer(MERCHANT), "If-Match": version}
    )
    assert answer.status_code == 200, answer.text


async def title(shop: Shop, product: Json) -> str:
    return str((await shop.http.get(f"/v1/products/{product['id']}")).json()["title"])


def alike(one: httpx.Response, other: httpx.Response) -> bool:
    own = {"x-correlation-id"}
    shown = [
        {name: value for name, value in each.headers.items() if name not in own} for each in (one, other)
    ]
    return one.status_code == other.status_code and one.content == other.content and shown[0] == shown[1]


ASKED: list[dict[str, str]] = [
    {},
    {"Accept-Language": "de-AT, en;q=0.5"},
    {"Accept-Language": "fr"},
    {"If-None-Match": '"v1"'},
    {"If-None-Match": 'W/"v1.de"', "Accept-Language": "de"},
    {"If-None-Match": "*"},
    {"If-None-Match": '"v2"'},
]


@pytest.mark.parametrize("query", ["", "?limit=2&sort=newest"])
@pytest.mark.usefixtures("listening")
async def test_visitors_are_answered_as_customers_are(shop: Shop, query: str) -> None:
    product = await shop.sell(translations=GERMAN, attributes={"brand": "A"})
    for _ in range(3):
        await shop.sell()
    path = f"/v1/products{query}" if query else f"/v1/products/{product['id']}"
    for asked in ASKED:
        by_route = await shop.http.get(path, headers={**asked, **bearer("usr_1")})
        first = await shop.http.get(path, headers=asked)
        again = await shop.http.get(path, headers=asked)
        assert alike(by_route, first), asked
        assert alike(by_route, again), asked


@pytest.mark.usefixtures("listening")
async def test_what_is_not_there_or_not_on_sale_is_not_found(shop: Shop) -> None:
    draft = await shop.sell(status="draft")
    for product_id in ("prd_none", draft["id"]):
        assert problem(await shop.http.get(f"/v1/products/{product_id}")) == (404, "not-found")
    assert problem(await shop.http.get(f"/v1/products/{'x' * 101}"))[0] == 422
    assert (await shop.show(f"/v1/products/{draft['id']}", MERCHANT)).status_code == 200


@pytest.mark.usefixtures("listening")
async def test_a_change_by_anybody_is_seen(shop: Shop, db: Database) -> None:
    product, other = await shop.sell(), await shop.sell()
    assert [await title(shop, each) for each in (product, other)] == ["Cup & saucer"] * 2
    listed = (await shop.http.get("/v1/products")).json()["items"]
    assert [each["title"] for each in listed] == ["Cup & saucer"] * 2

    await rename(shop, product, "Mug")

    async def seen() -> bool:
        listed = (await shop.http.get("/v1/products")).json()["items"]
        return await title(shop, product) == listed[0]["title"] == "Mug"

    await until(seen)
    await db.products.update_one({"_id": other["id"]}, {"$set": {"title": "Jug", "version": 2}})

    async def seen_too() -> bool:
        return await title(shop, other) == "Jug"

    await until(seen_too)
    await db.products.drop()

    async def gone() -> bool:
        return (await shop.http.get(f"/v1/products/{other['id']}")).status_code == 404

    await until(gone)


async def test_a_kept_answer_asks_the_database_nothing(
    shop: Shop, db: Database, listening: asyncio.Task[None], reads: PlainReads
) -> None:
    product = await shop.sell()

    async def is_kept() -> bool:
        await shop.http.get(f"/v1/products/{product['id']}")
        return reads.kept.find(product["id"]) is not None

    await until(is_kept)  # the news of its creation may come after the first read
    before = await reads_of_products(db)
    for _ in range(50):
        await title(shop, product)
    assert await reads_of_products(db) - before < 50  # the change stream reads as well
    assert not listening.done()


async def reads_of_products(db: Database) -> int:
    """Return how often the collection was read, by this test alone: others share the server."""
    stats = await db.products.aggregate([{"$collStats": {"latencyStats": {}}}])
    return int((await stats.to_list())[0]["latencyStats"]["reads"]["ops"])


async def test_nothing_is_answered_from_memory_once_changes_go_unheard(
    shop: Shop, listening: asyncio.Task[None], reads: PlainReads
) -> None:
    product = await shop.sell()
    assert await title(shop, product) == "Cup & saucer"
    listening.cancel()
    await asyncio.wait([listening])
    await rename(shop, product, "Mug")
    assert await title(shop, product) == "Mug"
    assert not reads.kept.is_open


async def test_whoever_wants_an_answer_made_anew_gets_one(shop: Shop, reads: PlainReads) -> None:
    product = await shop.sell()
    reads.kept.hear(())
    assert await title(shop, product) == "Cup & saucer"
    await rename(shop, product, "Mug")
    reads.kept.hear(())  # of the new name nobody has told
    assert reads.kept.find(product["id"]) is not None
    answer = await shop.http.get(f"/v1/products/{product['id']}", headers={"Cache-Control": "no-cache"})
    assert answer.json()["title"] == "Mug"
