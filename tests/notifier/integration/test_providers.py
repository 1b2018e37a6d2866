"""The official SDKs against the sandbox: what each answer means, and the whole way there and back."""

import asyncio
import logging
from datetime import timedelta
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from shop_devstack.ports import free_port
from shop_notifier.domain.notifications import Channel
from shop_notifier.domain.sending import Accepted, Lost, Message, NotTaken, Outcome, Provider, Refused
from shop_notifier.jobs.dispatch import Dispatcher, Pace
from shop_notifier.store.unit_of_work import Transact
from tests.notifier.conftest import queue_orders, until
from tests.notifier.integration.conftest import World, sendgrid, twilio

Database = AsyncDatabase[dict[str, Any]]
TAGS = {"notification_id": "ntf_1", "order_id": "ord_1", "total_minor": "1234", "currency": "GBP"}
MAIL = Message("ada@example.com", "text", TAGS, "subject", "<p>html</p>")
SMS = Message("+447700900123", "text", TAGS)
CHANNELS = ["sendgrid", "twilio"]


def provider(world: World, name: str, **how: Any) -> tuple[Provider, Message]:
    if name == "sendgrid":
        return sendgrid(world.sandbox_url, **how), MAIL
    return twilio(world.sandbox_url, world.public_url, **how), SMS


async def outcome(world: World, name: str, **how: Any) -> Outcome:
    sender, message = provider(world, name, **how)
    return await sender.send(message)


async def spoil(world: World, name: str, mode: str, **fault: Any) -> None:
    answer = await world.sandbox.put(f"/sandbox/faults/{name}", json={"mode": mode, **fault})
    answer.raise_for_status()


@pytest.mark.parametrize("name", CHANNELS)
async def test_acceptance_brings_the_providers_id(world: World, name: str) -> None:
    told = await outcome(world, name)
    assert isinstance(told, Accepted)
    assert told.provider_id


@pytest.mark.parametrize("name", CHANNELS)
async def test_too_many_requests_was_not_taken_and_says_for_how_long(world: World, name: str) -> None:
    await spoil(world, name, "429", retry_after_s=7)
    assert await outcome(world, name) == NotTaken("too_many_requests", 7.0)


@pytest.mark.parametrize("name", CHANNELS)
async def test_a_broken_provider_may_have_taken_it(world: World, name: str) -> None:
    await spoil(world, name, "500")
    assert await outcome(world, name) == Lost("http_500")


@pytest.mark.parametrize("name", CHANNELS)
async def test_a_provider_that_does_not_answer_may_have_taken_it(world: World, name: str) -> None:
    await spoil(world, name, "refuse_connection_or_hang")
    assert await outcome(world, name, timeout=0.3) == Lost("timeout")


async def test_wrong_credentials_refuse_everybody_and_nobody_in_particular(world: World) -> None:
    wrong_key, wrong_token = (
        sendgrid(world.sandbox_url, api_key="SG.no"),
        twilio(world.sandbox_url, world.public_url, auth_token="no"),
    )
    assert await wrong_key.send(MAIL) == NotTaken("credentials")
    assert await wrong_token.send(SMS) == NotTaken("credentials")


async def test_an_impossible_address_is_refused(world: World) -> None:
    mail, sms = Message("nowhere", "t", TAGS, "s", "h"), Message("+15005550001", "t", TAGS)
    assert await sendgrid(world.sandbox_url).send(mail) == Refused("http_400")
    assert await twilio(world.sandbox_url, world.public_url).send(sms) == Refused("twilio_21211")


async def test_a_provider_that_cannot_be_reached_has_not_taken_it() -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    assert await sendgrid(nobody).send(MAIL) == NotTaken("not_reached")
    assert await twilio(nobody, nobody).send(SMS) == NotTaken("not_reached")


async def test_addresses_stay_out_of_the_logs(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        for name in CHANNELS:
            await outcome(world, name)
    ours = ("shop_notifier", "python_http_client", "sendgrid", "twilio", "urllib3", "requests")
    said = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith(ours))
    assert "ada@example.com" not in said
    assert "447700900123" not in said


@pytest.mark.parametrize("mode", ["ok", "accept_silently"])
async def test_each_receipt_arrives_once_and_webhooks_settle_it(
    world: World, db: Database, transact: Transact, mode: str
) -> None:
    for name in CHANNELS:
        await spoil(world, name, mode)
    orders = await queue_orders(transact, 10)
    pace = Pace(concurrency=8, settle_within=timedelta(hours=1), idle=timedelta(seconds=0.1))
    stop = asyncio.Event()
    dispatchers = [
        Dispatcher(Channel.EMAIL, provider(world, "sendgrid", timeout=0.5)[0], transact, pace),
        Dispatcher(Channel.SMS, provider(world, "twilio", timeout=0.5)[0], transact, pace),
    ]
    running = [asyncio.create_task(dispatcher.run(stop)) for dispatcher in dispatchers]

    async def all_delivered() -> bool:
        return await db.notifications.count_documents({"status": "delivered"}) == 30

    await until(all_delivered)
    stop.set()
    await asyncio.gather(*running)
    receipts = (await world.sandbox.get("/sandbox/receipts")).json()["orders"]
    assert set(receipts) == set(orders)
    for told in receipts.values():
        assert {channel: each["count"] for channel, each in told.items()} == {"email": 1, "sms": 1}
        assert (told["email"]["total_minor"], told["email"]["currency"]) == (1234, "GBP")
