"""The whole service as a process: from topics to the sandbox's mails and messages, through a kill as well."""

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from shop_devstack.ports import free_port
from shop_devstack.sandbox.app import create_app as create_sandbox
from shop_devstack.sandbox.settings import SandboxSettings
from shop_devstack.sandbox.signatures import verification_key
from shop_events.admin import ensure_topics
from shop_events.contracts import Event, Fact
from shop_events.envelope import encode, envelope_for
from shop_events.kafka import KafkaSettings
from shop_notifier.store.schema import migrate
from tests.databases import Database, Databases
from tests.notifier.conftest import UNSUBSCRIBE_KEY, contact, order, until
from tests.notifier.integration.conftest import ACCOUNT, API_KEY, AUTH_TOKEN, listen, server
from tests.processes import service

pytestmark = pytest.mark.integration

Environment = dict[str, str]
Tell = Any


@pytest.fixture
async def db(databases: Databases) -> AsyncIterator[Database]:
    """Not the others' one, since what a killed process had open goes on for a while."""
    async with databases.own(migrate) as database:
        yield database


@pytest.fixture
async def tell(kafka_bootstrap: str, topic_prefix: str) -> AsyncIterator[Tell]:
    """Publish events as their owners do."""
    await ensure_topics(KafkaSettings(bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix))
    async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap) as producer:

        async def publish(events: Sequence[Event]) -> None:
            for event in events:
                record = encode(envelope_for(Fact(event, 1), "test"), event)
                headers = [(name, value.encode()) for name, value in record.headers.items()]
                await producer.send(
                    f"{topic_prefix}{record.topic}", record.value, record.key.encode(), headers=headers
                )
            await producer.flush()

        yield publish


@pytest.fixture
async def sandbox(
    signing_key: str, tmp_path: Path, environment: Environment
) -> AsyncIterator[httpx.AsyncClient]:
    listening, url = listen()
    settings = SandboxSettings(
        sandbox_sendgrid_signing_key=signing_key,
        sandbox_sendgrid_webhook_url=f"{environment['PUBLIC_URL']}/v1/webhooks/sendgrid",
    )
    environment |= {"SENDGRID_BASE_URL": url, "TWILIO_BASE_URL": url}
    async with (
        server(create_sandbox(settings, tmp_path)).running(listening),
        httpx.AsyncClient(base_url=url) as client,
    ):
        yield client


@pytest.fixture
def environment(
    mongo_url: str, db: Database, kafka_bootstrap: str, topic_prefix: str, signing_key: str
) -> Environment:
    port = free_port()
    return {
        "MONGODB_URL": mongo_url,
        "MONGODB_DATABASE": db.name,
        "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "TOPIC_PREFIX": topic_prefix,
        "HTTP_PORT": str(port),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "SENDGRID_API_KEY": API_KEY,
        "SENDGRID_WEBHOOK_PUBLIC_KEY": verification_key(signing_key),
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "MAIL_FROM": "shop@example.com",
        "SMS_FROM": "+15005550006",
        "UNSUBSCRIBE_KEY": UNSUBSCRIBE_KEY,
    }


async def receipts(sandbox: httpx.AsyncClient) -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    orders: Mapping[str, Any] = (await sandbox.get("/sandbox/receipts")).json()["orders"]
    return orders


def counted(found: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[str, int]]:
    return {id: {name: each["count"] for name, each in told.items()} for id, told in found.items()}


async def test_an_order_that_comes_before_its_customer_still_yields_one_receipt(
    environment: Environment, sandbox: httpx.AsyncClient, tell: Tell, db: Database
) -> None:
    early, prompt = order("ord_early", "usr_late"), order("ord_prompt", "usr_known")
    async with service("shop_notifier", environment) as running:
        await running.until_ready()
        await tell([early, contact("usr_known"), prompt])

        async def only_prompt() -> bool:
            return counted(await receipts(sandbox)) == {"ord_prompt": {"email": 1, "sms": 1}}

        async def both() -> bool:
            return await db.notifications.count_documents({"status": "delivered"}) == 6

        await until(only_prompt, 40)
        await tell([contact("usr_late")])
        await until(both, 40)
        assert await running.stop() == 0
    assert set(counted(await receipts(sandbox))) == {"ord_early", "ord_prompt"}
    assert "usr_known@example.com" not in str(running.lines)


async def test_a_kill_with_sends_in_flight_loses_and_doubles_nothing(
    environment: Environment, sandbox: httpx.AsyncClient, tell: Tell, db: Database
) -> None:
    environment |= {
        "PROVIDER_TIMEOUT_SECONDS": "1",
        "CLAIM_STALE_SECONDS": "2",
        "SETTLE_INTERVAL_SECONDS": "0.2",
        "SETTLE_DEADLINE_SECONDS": "12",
    }
    for provider in ("sendgrid", "twilio"):
        fault = {"mode": "accept_silently", "delay_ms": 0}
        (await sandbox.put(f"/sandbox/faults/{provider}", json=fault)).raise_for_status()
    ids = [f"ord_{secrets.token_hex(6)}" for _ in range(60)]
    async with service("shop_notifier", environment) as running:
        await running.until_ready()
        await tell([contact(), *(order(id) for id in ids)])

        async def some_in_flight() -> bool:
            return await db.notifications.count_documents({"status": "sending"}) >= 10

        await until(some_in_flight, 40)
        running.process.kill()
    for provider in ("sendgrid", "twilio"):
        await sandbox.delete(f"/sandbox/faults/{provider}")
    async with service("shop_notifier", environment) as running:

        async def all_delivered() -> bool:
            return await db.notifications.count_documents({"status": "delivered"}) == 3 * len(ids)

        # MongoDB ends a transaction of a killed process by itself, and only later than ours give up waiting.
        await until(all_delivered, 150)
    assert counted(await receipts(sandbox)) == {id: {"email": 1, "sms": 1} for id in ids}
