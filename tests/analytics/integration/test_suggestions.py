"""Suggestions: one a day and occasion, of what can be bought, to those who still may want it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from shop_analytics.application import suggestions as use_cases
from shop_analytics.consumers import catalog
from shop_analytics.jobs import suggestions
from shop_analytics.store.unit_of_work import whole_milliseconds
from shop_events.contracts.analytics import ProductsSuggested
from shop_events.contracts.catalog import StockRanOut
from tests.analytics.conftest import Log, Streams, hear, paid, product, view

pytestmark = pytest.mark.integration

NOW = whole_milliseconds(datetime.now(UTC)) - timedelta(minutes=1)


@pytest.fixture
async def shop(streams: Streams) -> Streams:
    for name in "abcd":
        await hear(streams, catalog.product_changed, product(name))
    log = Log()
    log.append(*(paid(f"ord_{n}", f"usr_{n}", "a", "b", "c", at=NOW - timedelta(days=9)) for n in range(3)))
    await streams.take(log.records)
    while await suggestions.take_due(streams.transact):
        pass
    assert await streams.told(ProductsSuggested) == []  # those purchases are too long ago
    return streams


async def test_after_a_purchase_what_others_bought_with_it(shop: Streams) -> None:
    log = Log(partitions=1)
    log._ends["catalog.orders.v1", 0] = 100
    await shop.take(log.append(paid("ord_a", "usr_9", "a", at=NOW), paid("ord_b", "usr_9", "b", at=NOW)))
    await suggestions.take_due(shop.transact)
    await suggestions.take_due(shop.transact)
    (suggested,) = await shop.told(ProductsSuggested)
    assert (suggested.occasion, suggested.about_product_id) == ("purchase", "a")
    assert [(each.product_id, each.because) for each in suggested.products] == [
        ("b", "bought-together"),
        ("c", "bought-together"),
    ]


async def test_what_is_sold_out_is_not_suggested(shop: Streams) -> None:
    await hear(shop, catalog.stock_ran_out, StockRanOut(product_id="b", at=NOW))
    await hear(shop, catalog.product_changed, product("c", available=False), sequence=2)
    log = Log(partitions=1)
    log._ends["catalog.orders.v1", 0] = 100
    await shop.take(log.append(paid("ord_a", "usr_9", "a", at=NOW)))
    await suggestions.take_due(shop.transact)
    assert await shop.told(ProductsSuggested) == []


async def test_after_three_views_without_a_purchase(shop: Streams) -> None:
    log = Log(partitions=1)
    log.append(*(view("vis_1", "a", NOW, user_id="usr_9") for _ in range(5)))
    log.append(*(view("vis_2", "a", NOW, user_id="usr_8") for _ in range(2)))
    log.append(*(view("vis_3", "a", NOW, user_id="usr_7", personalise=False) for _ in range(5)))
    log.append(*(view("vis_4", "a", NOW) for _ in range(5)))
    await shop.take(log.records)
    await suggestions.take_due(shop.transact)
    (suggested,) = await shop.told(ProductsSuggested)
    assert (suggested.user_id, suggested.occasion) == ("usr_9", "views")


async def test_who_bought_it_after_all_is_left_alone(shop: Streams) -> None:
    log = Log(partitions=1)
    log._ends["catalog.orders.v1", 0] = 100
    log.append(*(view("vis_1", "a", NOW, user_id="usr_9") for _ in range(3)))
    log.append(paid("ord_a", "usr_9", "a", at=NOW + timedelta(seconds=5)))
    await shop.take(log.records)
    await suggestions.take_due(shop.transact)
    assert [each.occasion for each in await shop.told(ProductsSuggested)] == ["purchase"]


async def test_two_processes_that_take_one_occasion_suggest_once(shop: Streams) -> None:
    log = Log(partitions=1)
    log._ends["catalog.orders.v1", 0] = 100
    await shop.take(log.append(paid("ord_a", "usr_9", "a", at=NOW)))
    (due,) = await shop.transact.read(use_cases.due)
    await asyncio.gather(*(shop.transact(use_cases.take, due) for _ in range(3)))
    await shop.transact(use_cases.take, due)
    assert len(await shop.told(ProductsSuggested)) == 1
