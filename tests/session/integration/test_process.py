"""The process serves, hears, tells and ends, with Kafka and without it, and keeps its secret to itself."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from pymongo import AsyncMongoClient

from shop_events.admin import ensure_topics
from shop_events.contracts import Event, Fact
from shop_events.contracts.identity import TokensRevoked
from shop_events.envelope import encode, envelope_for
from shop_events.kafka import KafkaSettings
from shop_events.telemetry import TelemetryProducer
from tests.processes import service
from tests.session.conftest import product

pytestmark = pytest.mark.integration

OWN = ("session.sessions.v1", "session.carts.v1", "session.activity.v1")


def page_view(number: int) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    return {"id": f"e{number}", "type": "page_viewed", "view_id": f"v{number}", "page": "/", "at": now}


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def read_all(kafka: KafkaSettings, least: int) -> list[ConsumerRecord]:
    """Return what is in session's own topics, once it is as many records."""
    consumer = AIOKafkaConsumer(
        *(kafka.named(topic) for topic in OWN),
        **kafka.connection(),
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    await consumer.start()
    try:
        found: list[ConsumerRecord] = []
        async with asyncio.timeout(30):
            while len(found) < least:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found.extend(records)
        return found
    finally:
        await consumer.stop()


async def test_a_visit_goes_through_and_its_string_goes_nowhere(
    mongo_url: str, kafka_bootstrap: str, topic_prefix: str, database_name: str
) -> None:
    await ensure_topics(KafkaSettings(bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix))
    kafka = KafkaSettings(bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix)
    environment = {
        "MONGODB_URL": mongo_url,
        "MONGODB_DATABASE": database_name,
        "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "TOPIC_PREFIX": topic_prefix,
        "LOG_LEVEL": "DEBUG",
    }

    async def say(event: Event) -> None:
        async with TelemetryProducer(kafka) as producer:
            await producer.send([encode(envelope_for(Fact(event, 1), "test"), event)])

    async with service("shop_session", environment) as running:
        await running.until_ready()
        http = running.http
        assert "process_ready 1.0" in (await http.get("/metrics")).text
        begun = await http.post("/v1/session")
        string = begun.headers["session-id"]
        mine = {"Session-Id": string}
        await http.put("/v1/session/cart/lines/prd_1", json={"quantity": 2}, headers=mine)
        await http.put("/v1/session/consent", json={"analytics": True, "marketing": False}, headers=mine)
        batch = {"events": [page_view(number) for number in range(5)]}
        for status in ("accepted", "duplicate"):
            answer = await http.post("/v1/session/activity", json=batch, headers=mine)
            assert answer.status_code == 202, answer.text
            assert {result["status"] for result in answer.json()["results"]} == {status}

        await say(product("prd_1"))

        async def has_title() -> bool:
            cart = (await http.get("/v1/session/cart", headers=mine)).json()
            return bool(cart["lines"][0]["title"] == "The prd_1")

        await until(has_title)
        assert (await http.delete("/v1/session", headers=mine)).status_code == 204
        records = await read_all(kafka, 8)
        assert await running.stop() == 0
    assert len(records) == 8
    visitors = {record.key.decode() for record in records}
    assert visitors == {begun.json()["visitor_id"]}
    told = repr([(record.key, record.value, record.headers) for record in records])
    assert string not in told
    assert string not in json.dumps(running.lines)
    assert string not in repr(await everything(mongo_url, database_name))


async def everything(mongo_url: str, database_name: str) -> list[Any]:
    async with AsyncMongoClient[dict[str, Any]](mongo_url) as client:
        db = client[database_name]
        found = [await db[name].find().to_list() for name in await db.list_collection_names()]
        await client.drop_database(database_name)
        return found


async def test_a_revocation_ends_sessions_while_the_process_runs(
    mongo_url: str, kafka_bootstrap: str, topic_prefix: str, database_name: str
) -> None:
    await ensure_topics(KafkaSettings(bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix))
    kafka = KafkaSettings(bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix)
    environment = {
        "MONGODB_URL": mongo_url,
        "MONGODB_DATABASE": database_name,
        "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "TOPIC_PREFIX": topic_prefix,
    }
    async with service("shop_session", environment) as running:
        await running.until_ready()
        begun = await running.http.post("/v1/session")
        mine = {"Session-Id": begun.headers["session-id"]}
        async with AsyncMongoClient[dict[str, Any]](mongo_url) as client:
            linked = {"$set": {"user_id": "usr_ada", "family_id": "fam_1", "epoch": 0}}
            await client[database_name].sessions.update_one({}, linked)
        revoked = TokensRevoked(subject="fam_1", lowest_epoch=1, until=datetime.now(UTC))
        async with TelemetryProducer(kafka) as producer:
            await producer.send([encode(envelope_for(Fact(revoked, 1), "identity"), revoked)])

        async def is_over() -> bool:
            return (await running.http.get("/v1/session/cart", headers=mine)).status_code == 401

        await until(is_over)
        assert await running.stop() == 0
    await everything(mongo_url, database_name)


async def test_without_kafka_own_data_is_read_and_written_and_activity_is_put_off(
    mongo_url: str, database_name: str
) -> None:
    environment = {
        "MONGODB_URL": mongo_url,
        "MONGODB_DATABASE": database_name,
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "TELEMETRY_TIMEOUT_SECONDS": "2",
    }
    async with service("shop_session", environment) as running:
        http = running.http
        mine = {"Session-Id": (await http.post("/v1/session")).headers["session-id"]}
        put = await http.put("/v1/session/cart/lines/prd_1", json={"quantity": 2}, headers=mine)
        assert put.status_code == 200
        saved = await http.put(
            "/v1/session/states/game", json={"level": 1}, headers={**mine, "If-None-Match": "*"}
        )
        assert saved.status_code == 200
        consent = {"analytics": True, "marketing": True}
        assert (await http.put("/v1/session/consent", json=consent, headers=mine)).status_code == 200
        refused = await http.post("/v1/session/activity", json={"events": [page_view(1)]}, headers=mine)
        assert refused.status_code == 503
        assert refused.headers["retry-after"]
        assert (await http.get("/v1/session", headers=mine)).json()["cart"]["pieces"] == 2
        assert await running.stop() == 0
    await everything(mongo_url, database_name)


async def test_what_was_accepted_is_told_once_although_the_process_is_killed(
    mongo_url: str, kafka_bootstrap: str, topic_prefix: str, database_name: str
) -> None:
    await ensure_topics(KafkaSettings(bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix))
    kafka = KafkaSettings(bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix)
    environment = {
        "MONGODB_URL": mongo_url,
        "MONGODB_DATABASE": database_name,
        "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "TOPIC_PREFIX": topic_prefix,
    }
    batches = [{"events": [page_view(10 * batch + n) for n in range(10)]} for batch in range(30)]
    mine: dict[str, str] = {}

    async def visit(http: httpx.AsyncClient, batch: dict[str, Any]) -> bool:
        try:
            told = await http.post("/v1/session/activity", json=batch, headers=mine)
            key = {"Idempotency-Key": batch["events"][0]["id"], **mine}
            line = {"product_id": "prd_1", "quantity": 1}
            put = await http.post("/v1/session/cart/lines", json=line, headers=key)
        except httpx.HTTPError:
            return False
        assert told.status_code in (202, 503), told.text
        assert put.status_code in (200, 503), put.text
        return told.status_code == 202 and put.status_code == 200

    async with service("shop_session", environment) as running:
        await running.until_ready()
        mine["Session-Id"] = (await running.http.post("/v1/session")).headers["session-id"]
        consent = {"analytics": True, "marketing": False}
        await running.http.put("/v1/session/consent", json=consent, headers=mine)
        working = [asyncio.create_task(visit(running.http, batch)) for batch in batches]
        moment = random.randrange(1, 20)
        for _, answered in zip(range(moment), asyncio.as_completed(working), strict=False):
            await answered
        running.process.kill()
        done = await asyncio.gather(*working)
    assert 0 < sum(done) < len(batches)
    async with service("shop_session", environment) as running:
        await running.until_ready()
        again = [batch for batch, was_done in zip(batches, done, strict=True) if not was_done]
        await asyncio.gather(*(until(partial(visit, running.http, batch)) for batch in again))
        shown = (await running.http.get("/v1/session/cart", headers=mine)).json()
        assert shown["pieces"] == len(batches)
        records = await read_all(kafka, 300 + len(batches) + 1)
        assert await running.stop() == 0
    views = [record for record in records if record.topic.endswith("activity.v1")]
    assert len({dict(record.headers)["ce_id"] for record in views}) == 300
    assert {json.loads(record.value)["view_id"] for record in views} == {f"v{n}" for n in range(300)}
    await everything(mongo_url, database_name)
