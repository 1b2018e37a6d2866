"""The whole service as a process, killed between the provider's acceptance and its answer."""

import asyncio
import base64
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx
import jwt
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pymongo import AsyncMongoClient

from shop_events.admin import ensure_topics
from shop_events.contracts import Fact
from shop_events.contracts.catalog import ORDERS
from shop_events.contracts.identity import SigningKeyPublished
from shop_events.envelope import encode, envelope_for
from shop_events.kafka import KafkaSettings
from tests.catalog.conftest import SECRET, Database, Json, bearer, make_due, until
from tests.processes import ServiceProcess, service

pytestmark = pytest.mark.integration

KEY = Ed25519PrivateKey.generate()


def token(user_id: str, role: str) -> str:
    now = int(time.time())
    claims = {"iss": "shopstream", "aud": "shopstream", "sub": user_id, "iat": now, "exp": now + 300}
    claims |= {"jti": secrets.token_hex(8), "roles": [role], "scope": "", "sid": "fam_1", "epoch": 0}
    return jwt.encode(claims, KEY, "EdDSA", {"typ": "at+jwt", "kid": "key-1"})


async def publish_key(kafka_bootstrap: str, topic_prefix: str) -> None:
    x = base64.urlsafe_b64encode(KEY.public_key().public_bytes_raw()).decode().rstrip("=")
    event = SigningKeyPublished(kid="key-1", x=x, published_at=datetime.now(UTC))
    record = encode(envelope_for(Fact(event, 1), "identity"), event)
    headers = [(name, value.encode()) for name, value in record.headers.items()]
    async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap) as producer:
        await producer.send_and_wait(
            f"{topic_prefix}{record.topic}", record.value, record.key.encode(), headers=headers
        )


@pytest.fixture
async def environment(
    mongo_url: str,
    database_name: str,
    kafka_bootstrap: str,
    topic_prefix: str,
    sandbox: httpx.AsyncClient,
) -> dict[str, str]:
    await ensure_topics(KafkaSettings(bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix))
    await publish_key(kafka_bootstrap, topic_prefix)
    return {
        "MONGODB_URL": mongo_url,
        "MONGODB_DATABASE": database_name,
        "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "TOPIC_PREFIX": topic_prefix,
        "PAYMENT_BASE_URL": str(sandbox.base_url),
        "PAYMENT_API_KEY": "sk_sandbox",
        "PAYMENT_WEBHOOK_SECRET": SECRET,
        "PAYMENT_CHECK_SECONDS": "0.2",
    }


@pytest.fixture
async def database(mongo_url: str, database_name: str) -> AsyncIterator[Database]:
    async with AsyncMongoClient[Json](mongo_url, tz_aware=True) as client:
        yield client[database_name]
        await client.drop_database(database_name)


@asynccontextmanager
async def order_events(kafka_bootstrap: str, topic_prefix: str) -> AsyncIterator[list[tuple[str, int]]]:
    """Yield what was told of orders: type and sequence, in the order of the topic."""
    consumer = AIOKafkaConsumer(
        f"{topic_prefix}{ORDERS}",
        bootstrap_servers=kafka_bootstrap,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    async with consumer:
        told: list[tuple[str, int]] = []

        async def complete() -> bool:
            for records in (await consumer.getmany(timeout_ms=100)).values():
                for record in records:
                    headers = dict(record.headers)
                    told.append((headers["ce_type"].decode(), int(headers["ce_sequence"])))
            return any("paid" in kind for kind, _ in told)

        await until(complete, 30)
        yield told


async def put_on_sale(http: httpx.AsyncClient, stock: int = 3) -> str:
    product: Json = {
        "sku": "1",
        "title": "Cup",
        "price": {"amount": 100, "currency": "GBP"},
        "stock": stock,
    }
    headers = {**bearer(token("usr_m", "merchant")), "Idempotency-Key": "k"}
    answer = await http.post("/v1/products", json=product, headers=headers)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_an_order_whose_charge_was_cut_off_by_a_kill_is_paid_exactly_once(
    environment: dict[str, str],
    sandbox: httpx.AsyncClient,
    database: Database,
    kafka_bootstrap: str,
    topic_prefix: str,
) -> None:
    customer = {**bearer(token("usr_1", "customer")), "Idempotency-Key": "order"}

    async with service("shop_catalog", environment) as killed:
        await killed.until_ready()
        product_id = await put_on_sale(killed.http)
        order = {"lines": [{"product_id": product_id, "quantity": 1}], "payment_method": "pm_card_timeout"}
        with pytest.raises(httpx.TimeoutException):
            await killed.http.post("/v1/orders", json=order, headers=customer, timeout=1.5)
        killed.process.kill()

    placed = await database.orders.find_one({})
    assert placed
    assert placed["status"] == "reserved"
    await make_due(database)

    async with service("shop_catalog", environment) as healthy:
        await healthy.until_ready()

        async def paid() -> bool:
            answer = await healthy.http.post("/v1/orders", json=order, headers=customer)
            return bool(answer.json()["status"] == "paid")

        await until(paid)
        async with order_events(kafka_bootstrap, topic_prefix) as told:
            assert told == [("catalog.order.placed.v1", 1), ("catalog.order.paid.v1", 2)]
        assert await healthy.stop() == 0

    assert await database.orders.count_documents({}) == 1
    query = {"metadata[order_id]": placed["_id"]}
    answer = await sandbox.get("/v1/payment_intents", params=query, headers=bearer("sk_sandbox"))
    assert len(answer.json()["data"]) == 1


class Rush:
    """Two hundred buyers at two processes, each of whom asks until answered; one process is killed midway."""

    def __init__(self, processes: list[ServiceProcess], product_id: str) -> None:
        self.processes = processes
        line = {"product_id": product_id, "quantity": 1}
        self.order = {"lines": [line], "payment_method": "pm_card_visa"}
        self.bought = 0

    async def buyer(self, number: int) -> int:
        headers = {**bearer(token(f"usr_{number}", "customer")), "Idempotency-Key": "order"}
        for attempt in range(100):
            process = self.processes[(number + attempt) % len(self.processes)]
            try:
                answer = await process.http.post("/v1/orders", json=self.order, headers=headers, timeout=30)
            except httpx.TransportError:
                await asyncio.sleep(0.02)
                continue
            if answer.status_code in (201, 409):
                self._count(answer.status_code)
                return answer.status_code
        raise AssertionError("never answered")

    def _count(self, status: int) -> None:
        self.bought += status == 201
        if self.bought == 15 and self.processes[0].process.returncode is None:
            self.processes[0].process.kill()


async def test_two_hundred_buyers_of_the_last_fifty_buy_exactly_fifty_though_a_process_is_killed(
    environment: dict[str, str], sandbox: httpx.AsyncClient, database: Database
) -> None:
    async with service("shop_catalog", environment) as one, service("shop_catalog", environment) as other:
        await one.until_ready()
        await other.until_ready()
        rush = Rush([one, other], await put_on_sale(other.http, stock=50))
        answers = await asyncio.gather(*(rush.buyer(number) for number in range(200)))
        assert one.process.returncode is not None, "it was to be killed midway"
        assert (answers.count(201), answers.count(409)) == (50, 150)

        async def all_paid() -> bool:
            await make_due(database)
            return await database.orders.count_documents({"status": "paid"}) == 50

        await until(all_paid, 30)
        assert await other.stop() == 0
    assert await database.orders.count_documents({}) == 50
    assert {each["left"] async for each in database.stock.find()} == {0}
    seen = [
        await sandbox.get(
            "/v1/payment_intents", params={"metadata[order_id]": each["_id"]}, headers=bearer("sk_sandbox")
        )
        async for each in database.orders.find({}, {"_id": 1})
    ]
    assert [[intent["status"] for intent in each.json()["data"]] for each in seen] == [["succeeded"]] * 50
