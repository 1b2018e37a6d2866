"""All five services behind the gateway, on the run's MongoDB and Kafka, and a client that shops there."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from rich.console import Console

from shop_devstack import stack
from shop_devstack.demo.secrecy import Needle, Search, search
from shop_devstack.screen import Screen
from shop_devstack.settings import StackSettings
from shop_devstack.stack import StackInfo
from tests.e2e import browser
from tests.e2e.browser import Page

PASSWORD = "correct horse battery"


@dataclass
class Person:
    """Somebody who is logged in."""

    id: str
    email: str
    token: str
    refresh_token: str = field(repr=False, default="")

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@dataclass
class Shop:
    """The shop as its clients reach it."""

    info: StackInfo
    http: httpx.AsyncClient
    sandbox: httpx.AsyncClient

    async def search(self, *needles: Needle) -> Search:
        """Look for needles in all topics, logs and metrics."""
        metrics = {name: f"{url}/metrics" for name, url in self.info.service_urls.items()}
        return await search(self.info.operator_kafka, self.info.folder / "logs", metrics, needles)

    async def log_in(self, email: str, password: str = PASSWORD) -> Person:
        async def attempt() -> httpx.Response | None:
            answer = await self.http.post("/v1/auth/login", json={"email": email, "password": password})
            return None if answer.status_code == 503 else answer

        answer = await eventually(attempt)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        return Person(body["user_id"], email, body["access_token"], body["refresh_token"])

    async def customer(self) -> Person:
        email = f"{secrets.token_hex(6)}@example.test"
        body = {"email": email, "password": PASSWORD, "phone": "+447700900123", "name": "Ann"}
        answer = await self.http.post("/v1/users", json=body)
        assert answer.status_code == 201, answer.text
        return await self.log_in(email)

    async def administrator(self) -> Person:
        admin = self.info.admin()
        return await self.log_in(admin.email, admin.password)

    async def product(self, price: int = 1999, stock: int = 100, **more: Any) -> dict[str, Any]:
        merchant = await self.administrator()
        body = {
            "sku": secrets.token_hex(6),
            "title": "A lamp",
            "price": {"amount": price, "currency": "GBP"},
            "stock": stock,
            **more,
        }
        headers = {**merchant.headers, "Idempotency-Key": secrets.token_hex(8)}
        answer = await self.http.post("/v1/products", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        product: dict[str, Any] = answer.json()
        return product

    async def order(
        self, person: Person, product_id: str, quantity: int = 1, key: str | None = None, **more: Any
    ) -> httpx.Response:
        body = {
            "lines": [{"product_id": product_id, "quantity": quantity}],
            "payment_method": "pm_card_visa",
            **more,
        }
        headers = {**person.headers, "Idempotency-Key": key or secrets.token_hex(8)}
        return await self.http.post("/v1/orders", json=body, headers=headers)

    async def mail(self, recipient: str, subject: str) -> dict[str, Any]:
        """Wait for a mail to an address and return what the provider received."""

        async def arrived() -> dict[str, Any] | None:
            after: int | None = 0
            while after is not None:
                asked = {"channel": "email", "limit": 1000, "after": after}
                page = (await self.sandbox.get("/sandbox/messages", params=asked)).json()
                for each in page["messages"]:
                    if each["recipient"] == recipient and each["subject"].startswith(subject):
                        return dict(each)
                after = page["next"]
            return None

        found: dict[str, Any] = await eventually(arrived)
        return found

    async def code(self, recipient: str) -> str:
        """Return the code that was mailed to somebody who wants to buy as a guest."""
        text = (await self.mail(recipient, "Your code"))["text"]
        first, second = re.findall(r"\b\d{4}\b", text)[:2]
        return f"{first}{second}"

    async def guest(self) -> Person:
        """Return somebody who has shown that an address is theirs."""
        email = f"{secrets.token_hex(6)}@example.test"
        asked = await self.http.post("/v1/guests", json={"email": email})
        assert asked.status_code == 202, asked.text
        body = {"verification_id": asked.json()["verification_id"], "code": await self.code(email)}
        answer = await self.http.post("/v1/guests/verification", json=body)
        assert answer.status_code == 200, answer.text
        granted = answer.json()
        return Person(granted["user_id"], email, granted["access_token"], granted["refresh_token"])

    async def link(self, recipient: str) -> str:
        """Return the token of the link in a guest's receipt."""
        text = (await self.mail(recipient, "Your receipt"))["text"]
        return text.partition("/#/guest/")[2].split()[0]

    async def receipts(self, order_id: str) -> dict[str, Any]:
        """Return what the providers received for an order, by channel."""
        answer = await self.sandbox.get("/sandbox/receipts", params={"order_id": order_id})
        found: dict[str, Any] = answer.json()["orders"].get(order_id, {})
        return found


async def eventually(condition: Callable[[], Awaitable[Any]], seconds: float = 60) -> Any:
    """Wait until ``condition`` returns something true, and return that."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not (result := await condition()):
        assert asyncio.get_running_loop().time() < deadline, f"not within {seconds} s"
        await asyncio.sleep(0.1)
    return result


@pytest.fixture(scope="package")
def running_stack(
    tmp_path_factory: pytest.TempPathFactory, mongo_url: str, kafka_bootstrap: str
) -> Iterator[StackInfo]:
    run = secrets.token_hex(3)
    ports = {f"{name.replace('-', '_')}_port": 0 for name in StackSettings().preferred_ports}
    settings = StackSettings(
        mongodb_url=mongo_url,
        kafka_bootstrap_servers=kafka_bootstrap,
        topic_prefix=f"e2e-{run}.",
        database_prefix=f"e2e_{run}_",
        **ports,
    )
    folder = tmp_path_factory.mktemp("stack")
    started = stack.start(folder, settings, Screen(Console(quiet=True)), outlive=False)
    try:
        yield started.info
    finally:
        started.launched.stop()


@pytest.fixture
async def shop(running_stack: StackInfo) -> AsyncIterator[Shop]:
    async with (
        httpx.AsyncClient(base_url=running_stack.gateway_url, timeout=30) as http,
        httpx.AsyncClient(base_url=running_stack.sandbox_url, timeout=30) as sandbox,
    ):
        yield Shop(running_stack, http, sandbox)


@pytest.fixture
def page(running_stack: StackInfo, tmp_path: Path) -> Iterator[Page]:
    if not browser.INSTALLED:
        pytest.skip("chromium and chromedriver are not installed")
    address = f"http://localhost:{urlsplit(running_stack.gateway_url).port}"
    with browser.opened(address, tmp_path / "profile") as opened:
        yield opened
