"""Searches past FastAPI are answered as by it, and from memory until something changes; each is told of."""

from typing import Any

import httpx
import pytest

from shop_catalog.api.plain_searches import PlainSearches
from tests.catalog.conftest import Database, Shop, until
from tests.catalog.integration.test_search import VISITOR, edit, found, search, until_found

pytestmark = pytest.mark.integration

ANEW = {"Cache-Control": "no-cache"}
"""What lets the route answer."""

Query = dict[str, Any]


@pytest.fixture
async def listening(shop: Shop, searches: PlainSearches) -> None:
    """Let there be a lantern that is found, and answers be kept as if nothing had changed since."""
    made = await shop.sell(title="Copper lantern", attributes={"brand": "Acme"})
    await until_found(shop, "lantern", {made["id"]})
    searches.kept.hear(())


def alike(one: httpx.Response, other: httpx.Response) -> bool:
    own = {"x-correlation-id"}
    shown = [
        {name: value for name, value in each.headers.items() if name not in own} for each in (one, other)
    ]
    bodies = [{**each.json(), "search_id": "", "correlation_id": ""} for each in (one, other)]
    return one.status_code == other.status_code and bodies[0] == bodies[1] and shown[0] == shown[1]


@pytest.mark.usefixtures("listening")
@pytest.mark.parametrize(
    "query",
    [
        {"q": "lantern"},
        {"q": "lantern", "limit": "1", "language": "de-AT", "in_stock": "yes"},
        {"q": "lantern", "attribute": ["brand:Acme", "brand:Best"], "currency": "GBP", "price_to": "5000"},
        {"q": "lantern", "option": ["size:L"], "category_id": "cat_1", "price_from": "5", "currency": "EUR"},
        {"q": ["lantern", "teapot"]},
        {"q": "lantern", "status": "published"},
        {"q": "lantern", "unknown": "1"},
        {"q": "läntern"},
        {"q": "lantern", "rating_from": "4"},
        {"q": "lantern", "rating_from": "6"},
        {},
        {"q": "!"},
        {"q": "a", "limit": "0"},
        {"q": "a", "price_to": "5"},
        {"q": "a", "attribute": "brand"},
        {"q": "a", "in_stock": "perhaps"},
    ],
    ids=str,
)
async def test_plain_searches_are_answered_as_the_route_does(shop: Shop, query: Query) -> None:
    shown = await shop.http.get("/v1/search", params=query, headers=ANEW)
    assert shown.status_code in {200, 422}
    for _ in range(2):  # made, and kept
        assert alike(shown, await shop.http.get("/v1/search", params=query))


@pytest.mark.usefixtures("listening")
async def test_an_answer_that_is_kept_is_told_of_as_a_search_of_its_own(shop: Shop, db: Database) -> None:
    await search(shop, "lantern")
    await db.outbox.delete_many({})
    again = await search(shop, "lantern", visitor=VISITOR)
    [row] = await db.outbox.find().to_list()
    assert (row["key"], again["search_id"].encode() in row["value"]) == (VISITOR, True)
    path, chosen = f"/v1/search/{again['search_id']}/clicks", {"product_id": again["items"][0]["id"]}
    assert (await shop.http.post(path, json=chosen)).status_code == 204


@pytest.mark.usefixtures("listening")
async def test_what_is_kept_is_found_no_more_once_it_has_changed(shop: Shop, searches: PlainSearches) -> None:
    [product] = (await search(shop, "lantern"))["items"]
    suggested = {"q": "lantern"}
    assert (await shop.http.get("/v1/search/suggestions", params=suggested)).json()["products"]
    await edit(shop, product, title="Copper lamp")
    searches.kept.hear({product["id"]})
    assert [each["title"] for each in (await search(shop, "copper"))["items"]] == ["Copper lamp"]

    async def is_gone() -> bool:
        answer = await shop.http.get("/v1/search/suggestions", params=suggested)
        return await found(shop, "lantern") == [] and answer.json()["products"] == []

    await until(is_gone)  # by the commit of the index, of which nobody tells


@pytest.mark.usefixtures("listening")
async def test_what_is_kept_asks_neither_index_nor_database(
    shop: Shop, searches: PlainSearches, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await search(shop, "lantern")
    monkeypatch.setattr(searches, "show", None)
    assert (await search(shop, "lantern"))["items"] == before["items"]
