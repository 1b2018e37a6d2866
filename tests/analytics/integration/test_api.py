"""Recommendations and insights over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from shop_analytics.consumers import catalog
from shop_analytics.domain.next_items import SessionIndex
from shop_analytics.jobs import scores
from shop_analytics.main import api_of
from shop_analytics.settings import AnalyticsSettings
from shop_chassis.app import create_app
from shop_chassis.auth import Caller
from shop_events.contracts.catalog import ProductVariant, StockRanOut, StockReturned, first_variant_id
from tests.analytics.conftest import NOON, Log, Streams, engaged, hear, paid, product, view

pytestmark = pytest.mark.integration


class Tokens:
    """Takes a token for ``user/role``."""

    def verify(self, token: str) -> Caller:
        user, _, role = token.partition("/")
        return Caller(user, frozenset({role}))


def bearer(user: str, role: str = "customer") -> dict[str, str]:
    return {"Authorization": f"Bearer {user}/{role}"}


ANALYST = bearer("usr_a", "analyst")


@pytest.fixture
async def shop(streams: Streams, settings: AnalyticsSettings) -> Streams:
    for name in "abcdefg":
        await hear(streams, catalog.product_changed, product(name))
    log = Log(partitions=1)
    log.append(*(paid(f"ord_{n}", "usr_1", "a", "b", at=datetime.now(UTC)) for n in range(3)))
    log.append(paid("ord_9", "usr_2", "a", "c", at=datetime.now(UTC)))
    for visitor in ("vis_1", "vis_2"):
        log.append(view(visitor, "a", datetime.now(UTC)), view(visitor, "d", datetime.now(UTC)))
    page = view("vis_3", "e", datetime.now(UTC))
    log.append(page, engaged(page, 90_000))
    await streams.take(log.records)
    await scores.tell(streams.transact, settings.heat)
    return streams


@pytest.fixture
async def http(shop: Streams, settings: AnalyticsSettings) -> AsyncIterator[httpx.AsyncClient]:
    index = SessionIndex()
    index.learn(["e", "f"])
    index.learn(["x"])
    app = create_app(
        settings,
        api_of(index, settings.heat),
        transact=shop.transact,
        verifier=Tokens(),  # type: ignore[arg-type]
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
        yield client


async def asked(http: httpx.AsyncClient, headers: dict[str, str] | None = None, **query: Any) -> list[Any]:
    answer = await http.get("/v1/recommendations", params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    return [(item["product_id"], item["because"], item["of_product_id"]) for item in answer.json()["items"]]


async def test_with_a_product_first_what_is_bought_then_what_is_viewed_with_it(
    http: httpx.AsyncClient,
) -> None:
    shown = await asked(http, placement="product", product_id="a")
    assert shown[:3] == [
        ("b", "bought-together", "a"),
        ("c", "bought-together", "a"),
        ("d", "also-viewed", "a"),
    ]
    assert {because for _, because, _ in shown[3:]} == {"popular"}
    assert "a" not in {product_id for product_id, _, _ in shown}


async def test_each_product_has_what_a_page_shows_of_it(http: httpx.AsyncClient) -> None:
    answer = await http.get("/v1/recommendations", params={"placement": "product", "product_id": "a"})
    assert answer.json()["items"][0] == {
        "product_id": "b",
        "title": "The b",
        "price": {"amount": 250, "currency": "GBP"},
        "image_url": None,
        "because": "bought-together",
        "of_product_id": "a",
    }


async def test_at_home_a_user_sees_what_they_buy_again_and_others_what_is_popular(
    http: httpx.AsyncClient,
) -> None:
    assert (await asked(http, bearer("usr_1")))[:2] == [("a", "buy-again", None), ("b", "buy-again", None)]
    assert (await asked(http))[0] == ("a", "popular", None)
    assert (await asked(http, recent="e"))[0] == ("f", "next-in-session", None)


async def test_what_is_sold_out_is_never_shown_until_it_is_back(
    http: httpx.AsyncClient, shop: Streams
) -> None:
    await hear(shop, catalog.stock_ran_out, StockRanOut(product_id="b", at=NOON))
    assert "b" not in {id for id, _, _ in await asked(http, bearer("usr_1"), placement="cart", recent="a")}
    await hear(shop, catalog.stock_returned, StockReturned(product_id="b", left=2, at=NOON), sequence=2)
    assert (await asked(http, placement="cart", recent="a"))[0][0] == "b"
    await hear(shop, catalog.product_changed, product("b", available=False), sequence=2)
    assert "b" not in {id for id, _, _ in await asked(http, placement="cart", recent="a")}


async def test_where_the_most_popular_are_sold_out_the_next_ones_are_shown(
    http: httpx.AsyncClient, shop: Streams
) -> None:
    ids = [f"x{number:03}" for number in range(150)]
    gone = ids[:140]
    hot = {"popularity": 1e6, "trend": 1.0, "rank": 1e9, "at": NOON, "checked_at": NOON, "version": 1}
    await shop.db.scores.insert_many({"_id": id, **hot} for id in ids)
    card = product("x").model_dump(include={"title", "price", "image_url", "available"})
    await shop.db.products.insert_many({"_id": id, "gone": False, "sequence": 1, **card} for id in ids)
    variants = map(first_variant_id, gone)
    await shop.db.stock.insert_many({"_id": id, "gone": False, "sequence": 1, "out": True} for id in variants)
    shown = {id for id, _, _ in await asked(http)}
    assert shown == set(ids[140:])


async def test_questions_are_bounded(http: httpx.AsyncClient) -> None:
    for query in (
        {"limit": "51"},
        {"recent": ",".join("a" * 21)},
        {"recent": "a,"},
        {"product_id": "a" * 65},
        {"placement": "checkout"},
    ):
        answer = await http.get("/v1/recommendations", params=query)
        assert answer.status_code == 422, query
        assert answer.headers["content-type"] == "application/problem+json"


async def test_insights_tell_analysts_what_happened(http: httpx.AsyncClient) -> None:
    insight = (await http.get("/v1/insights/products/e", headers=ANALYST)).json()
    assert (insight["views"], insight["engaged_minutes"], insight["purchases"]) == (1, 1.5, 0)
    assert insight["popularity"] == pytest.approx(2.5, abs=0.01)
    summary = (await http.get("/v1/insights/summary", headers=ANALYST)).json()
    assert (summary["views"], summary["purchases"], summary["units"]) == (5, 4, 16)
    assert summary["co_purchases"] == 4
    later = await http.get("/v1/insights/summary", params={"since": "2099-01-01"}, headers=ANALYST)
    assert later.json()["views"] == 0


async def test_analysts_page_through_what_a_product_is_bought_together_with(http: httpx.AsyncClient) -> None:
    path, found, query = "/v1/insights/products/a/bought-together", [], {"limit": "1"}
    while True:
        page = (await http.get(path, params=query, headers=ANALYST)).json()
        found += page["items"]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert found == [{"product_id": "b", "orders": 3}, {"product_id": "c", "orders": 1}]
    refused = await http.get(path, params={"cursor": "e30"}, headers=ANALYST)
    assert refused.status_code == 400


@pytest.mark.parametrize(
    "path", ["/v1/insights/summary", "/v1/insights/products/a", "/v1/insights/products/a/bought-together"]
)
async def test_insights_are_for_analysts(path: str, http: httpx.AsyncClient) -> None:
    assert (await http.get(path)).status_code == 401
    assert (await http.get(path, headers=bearer("usr_1"))).status_code == 403
    assert (await http.get(path, headers=bearer("usr_1", "administrator"))).status_code == 200


async def test_of_a_product_nobody_knows_there_is_no_insight(http: httpx.AsyncClient) -> None:
    assert (await http.get("/v1/insights/products/nothing", headers=ANALYST)).status_code == 404


async def test_a_product_is_shown_while_one_of_its_variants_is_left(
    http: httpx.AsyncClient, shop: Streams
) -> None:
    price = product("x").price
    variants = tuple(
        ProductVariant(variant_id=id, sku=id, options={"size": id}, prices=(price,), available=True)
        for id in ("var_s", "var_l")
    )
    await hear(shop, catalog.product_changed, product("x").model_copy(update={"variants": variants}))
    hot = {"popularity": 1e6, "trend": 1.0, "rank": 1e9, "at": NOON, "checked_at": NOON, "version": 1}
    await shop.db.scores.insert_one({"_id": "x", **hot})
    out = StockRanOut(product_id="x", variant_id="var_s", at=NOON)
    await hear(shop, catalog.stock_ran_out, out)
    assert "x" in {id for id, _, _ in await asked(http)}
    await hear(shop, catalog.stock_ran_out, out.model_copy(update={"variant_id": "var_l"}))
    assert "x" not in {id for id, _, _ in await asked(http)}
