"""What was answered survives a kill: messages, payments, idempotency keys and webhooks not yet heard."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from shop_devstack.ports import free_port
from tests.devstack.sandbox.running import API_KEY, Receiver, Sandbox, environment, eventually


@pytest.fixture
def own_receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def own_sandbox(tmp_path: Path, own_receiver: Receiver, signing_key: str) -> Iterator[Sandbox]:
    sandbox = Sandbox(free_port(), tmp_path, environment(own_receiver, signing_key)).start()
    yield sandbox
    sandbox.stop()


def _mail(number: int) -> bytes:
    return orjson.dumps(
        {
            "personalizations": [{"to": [{"email": "ada@example.com"}]}],
            "from": {"email": "shop@example.com"},
            "subject": "Hello",
            "content": [{"type": "text/plain", "value": "Hello"}],
            "custom_args": {"order_id": f"ord_{number}", "total_minor": "100", "currency": "GBP"},
        }
    )


async def _send_until_killed(sandbox: Sandbox, kill_after: int) -> set[str]:
    """Send mails at once from 20 clients, kill the sandbox in between; return the accepted order ids."""
    accepted: set[str] = set()
    headers = {"Authorization": f"Bearer {API_KEY}"}

    async def send(client: httpx.AsyncClient, number: int) -> None:
        answer = await client.post("/v3/mail/send", content=_mail(number), headers=headers)
        assert answer.status_code == 202
        accepted.add(f"ord_{number}")
        if len(accepted) == kill_after:
            sandbox.process.kill()

    async def send_each_20th(client: httpx.AsyncClient, first: int) -> None:
        for number in range(first, 10 * kill_after, 20):
            try:
                await send(client, number)
            except httpx.TransportError:
                return

    async with httpx.AsyncClient(base_url=sandbox.url) as client:
        await asyncio.gather(*(send_each_20th(client, first) for first in range(20)))
    sandbox.process.wait()
    return accepted


async def test_every_accepted_mail_is_there_and_told_after_a_kill(
    own_sandbox: Sandbox, own_receiver: Receiver
) -> None:
    own_receiver.refusals = 1_000_000
    accepted = await _send_until_killed(own_sandbox, kill_after=200)
    assert len(accepted) >= 200

    own_receiver.refusals = 0
    own_sandbox.start()

    receipts = own_sandbox.get("receipts")["orders"]
    assert accepted <= receipts.keys()
    assert all(receipt["email"]["count"] == 1 for receipt in receipts.values())

    def delivered() -> set[str]:
        events = own_receiver.events("/sendgrid")
        return {event["order_id"] for event in events if event["event"] == "delivered"}

    eventually(lambda: delivered() == receipts.keys(), "what was pending is told")
    eventually(lambda: own_sandbox.get("summary")["webhooks_pending"]["sendgrid"] == 0, "none is pending")


def test_a_payment_and_its_key_are_known_after_a_kill(own_sandbox: Sandbox) -> None:
    body: dict[str, Any] = {"amount": 100, "currency": "gbp", "payment_method": "pm_card_visa"}
    key = {"Idempotency-Key": "one"}
    client = own_sandbox.payments
    made = client.post("/v1/payment_intents", json=body, headers=key).json()

    own_sandbox.kill()
    own_sandbox.start()

    assert client.get(f"/v1/payment_intents/{made['id']}").json() == made
    assert client.post("/v1/payment_intents", json=body, headers=key).json() == made
