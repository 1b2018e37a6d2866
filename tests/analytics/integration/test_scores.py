"""Scores are told when they change, with growing sequences, and can be told again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shop_analytics.consumers import catalog
from shop_analytics.domain.popularity import CHOSEN, MOST_MINUTES, VIEW
from shop_analytics.jobs import scores
from shop_analytics.settings import AnalyticsSettings
from shop_analytics.store.shelf import Products
from shop_events.contracts.analytics import ScoreChanged, ScoreDropped
from shop_events.contracts.catalog import ProductDeleted
from shop_events.contracts.catalog_searches import SearchResultChosen
from shop_events.outbox import OUTBOX
from tests.analytics.conftest import (
    Log,
    Streams,
    decoded,
    engaged,
    hear,
    list_products,
    message,
    paid,
    product,
    view,
)

pytestmark = pytest.mark.integration


async def test_what_changed_is_told_once_and_only_of_products_there_are(
    streams: Streams, settings: AnalyticsSettings
) -> None:
    now = datetime.now(UTC)
    for name in ("a", "b"):
        await hear(streams, catalog.product_changed, product(name))
    log = Log()
    log.append(view("vis_1", "a", now), view("vis_2", "a", now), view("vis_3", "unknown", now))
    log.append(paid("ord_1", "usr_1", "b", at=now))
    await streams.take(log.records)
    await scores.tell(streams.transact, settings.heat)
    await scores.tell(streams.transact, settings.heat)
    told = {event.product_id: event for event in await streams.told(ScoreChanged)}
    assert told.keys() == {"a", "b"}
    assert told["a"].popularity == pytest.approx(2, abs=0.01)
    assert told["b"].rank > told["a"].rank
    assert await streams.transact.read(lambda uow: uow.scores.most_popular(5)) == ["b", "a"]
    assert len(await streams.told(ScoreChanged)) == 2


async def test_a_result_that_was_chosen_is_wanted_once_however_often_that_is_told(
    streams: Streams, settings: AnalyticsSettings
) -> None:
    now = datetime.now(UTC)
    await hear(streams, catalog.product_changed, product("a"))
    chosen = [
        SearchResultChosen(visitor_id="vis_1", search_id="sch_1", product_id=name, position=1, at=now)
        for name in ("a", "unknown")
    ]
    log = Log()
    told = log.append(*(message(each) for each in chosen))
    again = log.append(*(record.message for record in told))
    for records in (told, told, again):
        await streams.take(records)
    await scores.tell(streams.transact, settings.heat)
    [score] = await streams.told(ScoreChanged)
    assert (score.product_id, score.popularity) == ("a", pytest.approx(CHOSEN, abs=0.01))


async def test_sequences_grow_also_beyond_the_end_of_a_product(
    streams: Streams, settings: AnalyticsSettings
) -> None:
    await hear(streams, catalog.product_changed, product("a"))
    log = Log()
    for _ in range(2):
        await streams.take(log.append(view("vis_1", "a", datetime.now(UTC))))
        await scores.tell(streams.transact, settings.heat)
    await scores.republish(streams.transact, settings.heat)
    await hear(streams, catalog.product_deleted, ProductDeleted(product_id="a"), sequence=2)
    await streams.take(log.append(view("vis_1", "a", datetime.now(UTC))))
    await scores.tell(streams.transact, settings.heat)
    await scores.republish(streams.transact, settings.heat)
    rows = [decoded(row) async for row in streams.db[OUTBOX].find().sort("_id")]
    assert [(type(row.event), row.envelope.sequence) for row in rows] == [
        (ScoreChanged, 1),
        (ScoreChanged, 2),
        (ScoreChanged, 2),
        (ScoreDropped, 3),
    ]
    assert await streams.transact.read(lambda uow: uow.scores.most_popular(5)) == []


async def test_what_was_counted_before_a_long_silence_is_told_after_it(
    streams: Streams, settings: AnalyticsSettings
) -> None:
    await hear(streams, catalog.product_changed, product("a"))
    await hear(streams, catalog.product_changed, product("b"))
    await streams.take(Log().append(view("vis_1", "a", datetime.now(UTC))))
    await scores.tell(streams.transact, settings.heat)
    await streams.take(Log(partitions=1).append(paid("ord_1", "usr_1", "b", at=datetime.now(UTC))))
    hours_ago = datetime.now(UTC) - timedelta(hours=3)
    await streams.db.tallies.update_many({}, {"$set": {"touched_at": hours_ago}})
    await streams.db.progress.update_many({}, {"$set": {"until": hours_ago}})
    await scores.tell(streams.transact, settings.heat)
    await scores.tell(streams.transact, settings.heat)
    assert [event.product_id for event in await streams.told(ScoreChanged)] == ["a", "b"]


async def test_a_score_that_was_told_while_its_product_was_deleted_is_dropped(
    streams: Streams, settings: AnalyticsSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hear(streams, catalog.product_changed, product("a"))
    await streams.take(Log().append(view("vis_1", "a", datetime.now(UTC))))
    real = Products.get_many

    async def get_many(self: Products, keys: Any) -> Any:
        found = await real(self, keys)
        monkeypatch.undo()
        await hear(streams, catalog.product_deleted, ProductDeleted(product_id="a"), sequence=2)
        return found

    monkeypatch.setattr(Products, "get_many", get_many)
    await scores.tell(streams.transact, settings.heat)
    await scores.tell(streams.transact, settings.heat)
    await scores.tell(streams.transact, settings.heat)
    told = await streams.told(ScoreChanged, ScoreDropped)
    assert [type(event) for event in told] == [ScoreChanged, ScoreDropped]
    assert await streams.transact.read(lambda uow: uow.scores.most_popular(5)) == []


async def test_a_view_that_claims_to_last_all_day_makes_no_product_popular(
    streams: Streams, settings: AnalyticsSettings
) -> None:
    await list_products(streams, "a")
    now = datetime.now(UTC)
    page, log = view("vis_1", "a", now), Log()
    hours = [3_600_000 * hour for hour in range(1, 25)]
    await streams.take(log.append(page, *(engaged(page, each, 0) for each in hours)))
    ((shard,),) = (await streams.transact.read(lambda uow: uow.tallies.of(["a"]))).values()
    assert shard["engaged_ms"] == hours[-1]
    assert settings.heat.score([shard], now).popularity == pytest.approx(VIEW + MOST_MINUTES, abs=0.01)
