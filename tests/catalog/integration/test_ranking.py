"""What analytics concludes decides what is shown first."""

from datetime import UTC, datetime

import pytest

from shop_catalog import consumers
from shop_catalog.store.unit_of_work import CatalogUnitOfWork, Transact
from shop_events.contracts import Fact
from shop_events.contracts.analytics import ScoreChanged, ScoreDropped
from shop_events.envelope import envelope_for
from shop_events.handlers import Handler
from tests.catalog.conftest import Json, Shop, until

pytestmark = pytest.mark.integration


async def hear(transact: Transact, event: ScoreChanged | ScoreDropped, sequence: int) -> None:
    handlers: dict[type, Handler] = {  # type: ignore[type-arg]
        ScoreChanged: consumers.score_changed,
        ScoreDropped: consumers.score_dropped,
    }

    async def work(uow: CatalogUnitOfWork) -> None:
        uow.envelope = envelope_for(Fact(event, sequence), "analytics")
        await handlers[type(event)](uow, event)

    await transact(work)


def score(product: Json, popularity: float) -> ScoreChanged:
    return ScoreChanged(
        product_id=product["id"], popularity=popularity, trend=1.0, rank=popularity, at=datetime.now(UTC)
    )


async def listed(shop: Shop, **query: str) -> list[str]:
    """Return the ids of a whole list, read two at a time."""
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await shop.http.get("/v1/products", params={**query, **cursor, "limit": "2"})).json()
        found += [item["id"] for item in page["items"]]
        if not page["next_cursor"]:
            return found
        cursor = {"cursor": page["next_cursor"]}


async def test_the_most_wanted_products_come_first_and_each_once(shop: Shop, transact: Transact) -> None:
    first, second, third, fourth = [await shop.sell() for _ in range(4)]
    await hear(transact, score(third, 5.0), 1)
    await hear(transact, score(second, 9.0), 1)
    wanted = [second["id"], third["id"], first["id"], fourth["id"]]
    assert await listed(shop, sort="popular") == wanted
    assert await listed(shop) == [each["id"] for each in (first, second, third, fourth)]


async def test_older_news_of_a_score_changes_nothing_and_a_dropped_one_counts_no_more(
    shop: Shop, transact: Transact
) -> None:
    first, second = [await shop.sell() for _ in range(2)]
    await hear(transact, score(second, 9.0), 7)
    await hear(transact, score(second, 0.0), 3)
    assert await listed(shop, sort="popular") == [second["id"], first["id"]]
    await hear(transact, ScoreDropped(product_id=second["id"]), 8)
    assert await listed(shop, sort="popular") == [first["id"], second["id"]]


async def test_of_two_products_that_match_alike_the_wanted_one_is_found_first(
    shop: Shop, transact: Transact
) -> None:
    _, wanted = [await shop.sell() for _ in range(2)]
    await hear(transact, score(wanted, 50.0), 1)
    title = (await shop.http.get(f"/v1/products/{wanted['id']}")).json()["title"]

    async def first() -> bool:
        found = (await shop.http.get("/v1/search", params={"q": title})).json()["items"]
        return len(found) == 2 and found[0]["id"] == wanted["id"]

    await until(first)


async def test_a_score_is_no_change_of_the_product(shop: Shop, transact: Transact) -> None:
    product = await shop.sell()
    before = (await shop.http.get(f"/v1/products/{product['id']}")).headers["etag"]
    await hear(transact, score(product, 9.0), 1)
    assert (await shop.http.get(f"/v1/products/{product['id']}")).headers["etag"] == before
