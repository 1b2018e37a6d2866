"""The process starts, tells how it is, and ends when asked."""

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo import AsyncMongoClient

from shop_analytics.store.schema import migrate
from shop_events import migrations
from shop_events.admin import ensure_topics
from shop_events.kafka import KafkaSettings
from tests.analytics.conftest import product, view
from tests.databases import Databases
from tests.events.conftest import System
from tests.processes import service

pytestmark = pytest.mark.integration


async def test_it_becomes_ready_shows_its_figures_and_ends(
    mongo_url: str, kafka_bootstrap: str, topic_prefix: str, database_name: str
) -> None:
    await ensure_topics(KafkaSettings(bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix))
    environment = {
        "MONGODB_URL": mongo_url,
        "MONGODB_DATABASE": database_name,
        "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "TOPIC_PREFIX": topic_prefix,
    }
    async with service("shop_analytics", environment) as running:
        await running.until_ready()
        assert (await running.http.get("/health/live")).status_code == 200
        assert "process_ready 1.0" in (await running.http.get("/metrics")).text
        assert (await running.http.get("/openapi.json")).json()["info"]["title"] == "Shopstream analytics"
        assert await running.stop() == 0
    async with AsyncMongoClient[Any](mongo_url) as client:
        await client.drop_database(database_name)


async def test_a_worker_leaves_nothing_where_it_runs_nor_among_temporary_files(
    mongo_url: str, kafka_bootstrap: str, topic_prefix: str, database_name: str, tmp_path: Path
) -> None:
    await ensure_topics(KafkaSettings(bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix))
    here, temporary = tmp_path / "here", tmp_path / "temporary"
    here.mkdir()
    temporary.mkdir()
    environment = {
        "MONGODB_URL": mongo_url,
        "MONGODB_DATABASE": database_name,
        "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "TOPIC_PREFIX": topic_prefix,
        "TMPDIR": str(temporary),
    }
    async with service("shop_analytics", environment, "worker", here) as running:
        await running.until_ready()
        assert await running.stop() == 0
    assert [*here.iterdir(), *temporary.iterdir()] == []
    async with AsyncMongoClient[Any](mongo_url) as client:
        await client.drop_database(database_name)


async def test_each_api_process_learns_from_the_topic_what_is_viewed_next(
    mongo_url: str, kafka_bootstrap: str, topic_prefix: str, databases: Databases
) -> None:
    kafka = KafkaSettings(bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix)
    await ensure_topics(kafka)
    system = System(None, None, kafka)  # type: ignore[arg-type]
    began = datetime.now(UTC) - timedelta(hours=3)
    visits = [("vis_1", "a", "b"), ("vis_2", "a", "b"), ("vis_3", "c", "d")]
    await system.tell(*(view(who, each, began) for who, *products in visits for each in products))
    async with databases.own(migrations.migrate, migrate) as db:
        card = product("x").model_dump(include={"title", "price", "image_url", "available"})
        await db.products.insert_many({"_id": id, "gone": False, "sequence": 1, **card} for id in "abcd")
        environment = {
            "MONGODB_URL": mongo_url,
            "MONGODB_DATABASE": db.name,
            "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
            "TOPIC_PREFIX": topic_prefix,
        }

        async def next_of(http: httpx.AsyncClient, product_id: str) -> list[tuple[str, str]]:
            asked = {"placement": "home", "recent": product_id}
            answer = await http.get("/v1/recommendations", params=asked)
            return [(item["product_id"], item["because"]) for item in answer.json()["items"]]

        async with (
            service("shop_analytics", environment, "api") as one,
            service("shop_analytics", environment, "api") as other,
            asyncio.timeout(40),
        ):
            for running in (one, other):
                for at_hand, following in ("ab", "cd"):
                    while await next_of(running.http, at_hand) != [(following, "next-in-session")]:  # noqa: ASYNC110
                        await asyncio.sleep(0.1)


async def test_an_operator_sets_a_topic_back_and_no_other(mongo_url: str, database_name: str) -> None:
    async with AsyncMongoClient[Any](mongo_url) as client:
        stored = client[database_name].positions
        places = {"catalog.orders.v1/0": 9, "catalog.orders.v1/11": 2, "catalog.stock.v1/0": 9}
        await stored.insert_many({"_id": place, "next": offset} for place, offset in places.items())
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "shop_analytics", "rewind", "catalog.orders.v1", "--to", "3"),
            env={**os.environ, "MONGODB_URL": mongo_url, "MONGODB_DATABASE": database_name},
        )
        assert await asyncio.wait_for(process.wait(), 60) == 0
        found = {document["_id"]: document["next"] async for document in stored.find()}
        assert found == {**places, "catalog.orders.v1/0": 3}
        await client.drop_database(database_name)
