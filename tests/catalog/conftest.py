"""A catalog without Kafka: its API and use cases on a real MongoDB, and a payment provider under control."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from fastapi import FastAPI

from shop_catalog.adapters.payment_webhooks import PaymentWebhook
from shop_catalog.adapters.search_index import SearchIndex
from shop_catalog.api import ERRORS, ROUTERS
from shop_catalog.api.kept_answers import KeptAnswers
from shop_catalog.api.plain_orders import PlainOrders
from shop_catalog.api.plain_reads import PlainReads
from shop_catalog.api.plain_searches import PlainSearches
from shop_catalog.application import lists
from shop_catalog.application.checkout import Checkout
from shop_catalog.application.popular_searches import PopularSearches
from shop_catalog.application.pricing import PriceBook
from shop_catalog.application.returns import ReturnDesk
from shop_catalog.application.search import SearchDesk
from shop_catalog.application.search_keeper import IndexKeeper
from shop_catalog.application.shared_products import SharedProducts, documents
from shop_catalog.domain.payments import (
    Captured,
    Charge,
    Outcome,
    Refunded,
    RefundOutcome,
    Repayment,
    Reversal,
    Reversed,
)
from shop_catalog.settings import CatalogSettings
from shop_catalog.store.schema import migrate
from shop_catalog.store.search import SearchableProducts
from shop_catalog.store.unit_of_work import CatalogUnitOfWork, Transact
from shop_chassis.app import Api, create_app
from shop_chassis.auth import Caller
from shop_chassis.direct import BodyShortcut, Shortcut
from shop_devstack.sandbox.signatures import payment_signature
from shop_events import migrations
from shop_events.unit_of_work import Transactor
from tests.databases import Database, Databases

Json = dict[str, Any]

SECRET = "whsec_sandbox"


@pytest.fixture
async def db(databases: Databases) -> AsyncIterator[Database]:
    async with databases.empty(migrations.migrate, migrate) as database:
        yield database


@pytest.fixture
def transact(db: Database) -> Transact:
    return Transactor(db.client, db, partial(CatalogUnitOfWork, source="catalog"))


class FakeProvider:
    """Answers what ``answers`` says, in order, then takes every payment; ``gate`` holds its answers back."""

    def __init__(self) -> None:
        self.charges: list[Charge] = []
        self.reversals: list[Reversal] = []
        self.answers: list[Outcome] = []
        self.captures: list[str] = []
        self.capture_answers: list[Outcome] = []
        self.reversed = Reversed.REFUNDED
        self.repayments: list[Repayment] = []
        self.refund_answers: list[RefundOutcome] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def charge(self, charge: Charge) -> Outcome:
        self.charges.append(charge)
        answer = self.answers.pop(0) if self.answers else Captured(f"pi_{charge.attempt_id}")
        await self.gate.wait()
        return answer

    async def capture(self, charge: Charge, intent_id: str) -> Outcome:
        self.captures.append(intent_id)
        return self.capture_answers.pop(0) if self.capture_answers else Captured(intent_id)

    async def reverse(self, reversal: Reversal) -> Reversed:
        self.reversals.append(reversal)
        return self.reversed

    async def refund(self, repayment: Repayment) -> RefundOutcome:
        self.repayments.append(repayment)
        return self.refund_answers.pop(0) if self.refund_answers else Refunded()


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
def checkout(transact: Transact, provider: FakeProvider) -> Checkout:
    prices = PriceBook(transact, lifetime=timedelta())
    return Checkout(transact, provider, timedelta(minutes=15), prices, patience=timedelta(minutes=10))


class EveryToken:
    """Verifies nothing: a token is ``<user id>`` or ``<user id>:<role>``."""

    def verify(self, token: str) -> Caller:
        user_id, _, role = token.partition(":")
        return Caller(user_id, frozenset({role or "customer"}))


@pytest.fixture
def settings() -> CatalogSettings:
    return CatalogSettings(
        payment_base_url="http://127.0.0.1:1", payment_api_key="sk_sandbox", payment_webhook_secret=SECRET
    )


Keeper = IndexKeeper[SearchIndex]


@pytest.fixture
def reads(transact: Transact) -> PlainReads:
    """Reads past FastAPI; nothing is kept until a test says what has changed."""
    return PlainReads(
        SharedProducts(lambda ids: transact.read(documents, ids)),
        lambda wanted: transact.read(lists.page, wanted, None),
        KeptAnswers(1_000_000),
    )


@pytest.fixture
async def keeper(db: Database, tmp_path: Path) -> AsyncIterator[Keeper]:
    """The index of an API process, kept up to date."""
    async with keeping(db, tmp_path / "index") as kept:
        yield kept


@asynccontextmanager
async def keeping(db: Database, folder: Path) -> AsyncIterator[Keeper]:
    """Keep an index in a folder, from when it holds all products on."""
    kept = IndexKeeper(SearchableProducts(db, refresh=0.05), lambda: SearchIndex(folder))
    stop = asyncio.Event()
    running = asyncio.create_task(kept.run(stop))
    try:
        async with asyncio.timeout(20):
            await kept.caught_up.wait()
        yield kept
    finally:
        stop.set()
        await running
        kept.close()


@pytest.fixture
def popular(transact: Transact) -> PopularSearches:
    """What many have searched for, counted when a test says so."""
    return PopularSearches(transact, 3, timedelta(hours=1))


@pytest.fixture
def desk(transact: Transact, keeper: Keeper, popular: PopularSearches) -> Iterator[SearchDesk]:
    with ThreadPoolExecutor(2) as threads:
        yield SearchDesk(transact, keeper.index, threads, popular)


@pytest.fixture
def searches(desk: SearchDesk) -> PlainSearches:
    """Searches past FastAPI; nothing is kept until a test says what has changed."""
    return PlainSearches(desk, KeptAnswers(1_000_000, patience=60))


@pytest.fixture
def app(
    *,
    settings: CatalogSettings,
    transact: Transact,
    checkout: Checkout,
    reads: PlainReads,
    desk: SearchDesk,
    searches: PlainSearches,
) -> FastAPI:
    state: dict[str, object] = {"checkout": checkout, "reads": reads, "search": desk, "searches": searches}
    state["returns"] = ReturnDesk(transact, settings.return_window)
    state["payment_webhook"] = PaymentWebhook(SECRET)
    verifier: Any = EveryToken()
    plain = [*reads.shortcuts, *searches.shortcuts]
    shortcuts: list[Shortcut | BodyShortcut] = [*plain, PlainOrders(checkout).shortcut]
    api = Api(ROUTERS, ERRORS, state, shortcuts=shortcuts)
    return create_app(settings, api, transact=transact, verifier=verifier)


@dataclass
class Shop:
    """The API, as customers and merchants use it."""

    http: httpx.AsyncClient

    async def sell(self, price: int = 1000, stock: int = 10, currency: str = "GBP", **more: Any) -> Json:
        """Put a product on sale, as the merchant."""
        product: Json = {"title": "Cup & saucer", **more}
        if "variants" not in more:
            only = {"sku": secrets.token_hex(4), "price": {"amount": price, "currency": currency}}
            product = {**only, "stock": stock, **product}
        answer = await self.post("/v1/products", product, "usr_m:merchant")
        assert answer.status_code == 201, answer.text
        body: Json = answer.json()
        return body

    async def order(
        self, *lines: tuple[Json, int], user: str = "usr_1", key: str | None = None, **more: Any
    ) -> httpx.Response:
        """Order pieces of products."""
        body = {
            "lines": [{**_named(product), "quantity": count} for product, count in lines],
            "payment_method": "pm_card_visa",
            **more,
        }
        return await self.post("/v1/orders", body, user, key)

    async def post(self, path: str, body: Any, token: str, key: str | None = None) -> httpx.Response:
        headers = {**bearer(token), "Idempotency-Key": key or secrets.token_hex(8)}
        return await self.http.post(path, json=body, headers=headers)

    async def put(self, path: str, body: Any = None, token: str = "usr_1") -> httpx.Response:
        return await self.http.put(path, json=body, headers=bearer(token))

    async def show(self, path: str, token: str = "usr_1") -> httpx.Response:
        return await self.http.get(path, headers=bearer(token))

    async def tell(self, event: Json, secret: str = SECRET, age: int = 0) -> httpx.Response:
        """Post an event as the payment provider does."""
        body = orjson.dumps(event)
        signature = payment_signature(secret, int(time.time()) - age, body)
        return await self.http.post(
            "/v1/payments/webhooks", content=body, headers={"Payment-Signature": signature}
        )


def _named(bought: Json) -> Json:
    """Return how a line names a product, or a variant made by :func:`variant_of`."""
    if "variant_id" in bought:
        return {"product_id": bought["id"], "variant_id": bought["variant_id"]}
    return {"product_id": bought["id"]}


def variant_of(product: Json, **options: str) -> Json:
    """Return the variant of a product that has these options, to be ordered."""
    [found] = [each for each in product["variants"] if each["options"] == options]
    return {"id": product["id"], "variant_id": found["id"]}


@pytest.fixture
async def shop(app: FastAPI) -> AsyncIterator[Shop]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://catalog", timeout=30) as client:
        yield Shop(client)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Return status and kind of a problem document."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


def payment_event(charge: Charge, kind: str = "succeeded", event_id: str | None = None) -> Json:
    """Return the event that tells of a charge."""
    states = {
        "succeeded": "succeeded",
        "amount_capturable_updated": "requires_capture",
        "canceled": "canceled",
    }
    intent = {
        "id": f"pi_{charge.attempt_id}",
        "status": states.get(kind, kind),
        "metadata": {"order_id": charge.order_id, "attempt_id": charge.attempt_id},
        "last_payment_error": {"code": "card_declined"} if kind == "payment_failed" else None,
    }
    return {
        "id": event_id or f"evt_{secrets.token_hex(6)}",
        "type": f"payment_intent.{kind}",
        "data": {"object": intent},
    }


def refund_event(repayment: Repayment, status: str = "succeeded", event_id: str | None = None) -> Json:
    """Return the event that tells of a refund."""
    metadata = {"order_id": repayment.order_id, "refund_id": repayment.refund_id}
    return {
        "id": event_id or f"evt_{secrets.token_hex(6)}",
        "type": "refund.failed" if status == "failed" else "refund.updated",
        "data": {"object": {"id": "re_1", "status": status, "metadata": metadata}},
    }


async def left(db: Database, product: Json) -> int:
    """Return how many pieces of a product there are, of all variants together."""
    found = await db.stock.find({"product_id": product["id"]}).to_list()
    assert found
    return sum(each["left"] for each in found)


async def told(db: Database, *kinds: str) -> list[tuple[str, int]]:
    """Return type and sequence of the events in the outbox whose type has one of ``kinds``, oldest first."""
    rows = db.outbox.find().sort("_id", 1)
    all_told = [(row["headers"]["ce_type"], row["sequence"]) async for row in rows]
    return [each for each in all_told if any(kind in each[0] for kind in kinds)]


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
    """Wait until ``condition`` holds; fail after ``seconds``."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def make_due(db: Database) -> None:
    """Let the time pass until every unsettled payment, reversal and erasure is looked at."""
    for collection in (db.orders, db.payment_reversals, db.erasures):
        await collection.update_many({}, [{"$set": {"check.at": {"$subtract": ["$$NOW", 1]}}}])


async def grow_old(db: Database, age: timedelta) -> None:
    """Let all orders have been placed and reserved, and their payments begun, ``age`` ago."""
    milliseconds = int(age.total_seconds() * 1000)
    then = {"$subtract": ["$$NOW", milliseconds]}
    reserved_until = {"$subtract": ["$reserved_until", milliseconds]}
    await db.orders.update_many({}, [{"$set": {"placed_at": then, "reserved_until": reserved_until}}])
    await db.orders.update_many({"payment": {"$ne": None}}, [{"$set": {"payment.begun_at": then}}])
