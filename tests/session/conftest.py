"""session as its clients see it, on a real MongoDB, with a clock and a telemetry that the test moves."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest

from shop_chassis.app import create_app
from shop_chassis.auth import Caller
from shop_events import batch, migrations
from shop_events.contracts import Event, Fact, Money
from shop_events.contracts.catalog import OrderLine, OrderPaid, ProductChanged
from shop_events.deliveries import Origin, interpret
from shop_events.envelope import Message, Received, decode, encode, envelope_for
from shop_events.handlers import Subscriptions
from shop_events.outbox import OUTBOX, message_of
from shop_events.telemetry import TelemetryUnavailable
from shop_events.unit_of_work import Transactor
from shop_session.consumers import catalog, identity
from shop_session.main import api_of
from shop_session.settings import SessionSettings
from shop_session.store.schema import migrate
from shop_session.store.unit_of_work import SessionUnitOfWork, Transact
from tests.databases import Database, Databases

Json = dict[str, Any]

HANDLERS = Subscriptions.of("session", catalog, identity)


class Clock:
    """The time, moved by the test."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@dataclass
class FakeTelemetry:
    """Keeps what it is sent; with ``down`` it takes nothing."""

    messages: list[Message] = field(default_factory=list)
    down: bool = False

    async def send(self, messages: Sequence[Message]) -> None:
        if self.down:
            raise TelemetryUnavailable("Kafka cannot be reached")
        self.messages += messages

    @property
    def told(self) -> list[Received]:
        return [decode(message) for message in self.messages]


class EveryToken:
    """Verifies nothing: a token is ``<user id>``, ``:<family>`` and ``:<epoch>`` if need be."""

    def verify(self, token: str) -> Caller:
        user_id, family, epoch, *_ = [*token.split(":"), "", ""]
        return Caller(user_id, family_id=family or f"fam_{user_id}", epoch=int(epoch or 0))


class Device:
    """A client that keeps its session string in a header, as an app does."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self.string = ""

    async def ask(
        self, method: str, path: str, json: Any = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        sent = dict(headers or {})
        if self.string:
            sent["Session-Id"] = self.string
        answer = await self._http.request(method, f"/v1/session{path}", json=json, headers=sent)
        self.string = answer.headers.get("Session-Id", self.string)
        self._http.cookies.clear()
        return answer

    async def get(self, path: str = "") -> Json:
        answer = await self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        body: Json = answer.json()
        return body

    async def put(self, path: str, json: Any, **headers: str) -> httpx.Response:
        return await self.ask(
            "PUT", path, json, {key.replace("_", "-"): each for key, each in headers.items()}
        )

    async def patch(self, path: str, json: Any) -> httpx.Response:
        return await self.ask("PATCH", path, json)

    async def add(self, product_id: str, quantity: int = 1, key: str = "") -> httpx.Response:
        line = {"product_id": product_id, "quantity": quantity}
        return await self.ask("POST", "/cart/lines", line, {"Idempotency-Key": key or secrets.token_hex(8)})

    async def link(self, token: str = "usr_ada") -> httpx.Response:
        return await self.ask("POST", "/link", headers={"Authorization": f"Bearer {token}"})

    async def agree(self, analytics: bool = True, marketing: bool = False) -> None:
        answer = await self.put("/consent", {"analytics": analytics, "marketing": marketing})
        assert answer.status_code == 200, answer.text

    async def tell(self, *events: Json) -> httpx.Response:
        return await self.ask("POST", "/activity", {"events": list(events)})

    async def outcomes(self, *events: Json) -> list[str]:
        answer = await self.tell(*events)
        assert answer.status_code == 202, answer.text
        return [result["status"] for result in answer.json()["results"]]

    async def quantities(self) -> dict[str, int]:
        cart = await self.get("/cart")
        return {line["product_id"]: line["quantity"] for line in cart["lines"]}


@dataclass
class World:
    """What tests drive."""

    http: httpx.AsyncClient
    db: Database
    transact: Transact
    clock: Clock
    telemetry: FakeTelemetry

    def device(self) -> Device:
        return Device(self.http)

    async def facts(self) -> list[Received]:
        """Return what is in the outbox, in order."""
        return [decode(message_of(row)) async for row in self.db[OUTBOX].find().sort("_id")]

    async def hear(self, event: Event, sequence: int = 1, source: str = "catalog") -> None:
        """Handle an event as the consumer does."""
        await self.take(encode(envelope_for(Fact(event, sequence), source), event))

    async def take(self, message: Message) -> None:
        """Handle a record as the consumer does."""
        delivery = interpret(message, Origin(message.topic, 0, 0), HANDLERS)
        assert delivery is not None
        await self.transact(batch.apply, [delivery], "session")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def telemetry() -> FakeTelemetry:
    return FakeTelemetry()


@pytest.fixture
async def db(databases: Databases) -> AsyncIterator[Database]:
    async with databases.empty(migrations.migrate, migrate) as database:
        yield database


@pytest.fixture
async def world(db: Database, clock: Clock, telemetry: FakeTelemetry) -> AsyncIterator[World]:
    settings = SessionSettings()
    transact = Transactor(
        db.client,
        db,
        partial(SessionUnitOfWork, source="session", clock=clock, lifetimes=settings.lifetimes),
        timedelta(seconds=60),
    )
    verifier: Any = EveryToken()
    app = create_app(
        settings.model_copy(update={"max_in_flight": 2000}),
        api_of(transact, telemetry),
        transact=transact,
        verifier=verifier,
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="https://session") as http:
        yield World(http, db, transact, clock, telemetry)


@pytest.fixture
def device(world: World) -> Device:
    return world.device()


def product(product_id: str, price: int = 1250, available: bool = True) -> ProductChanged:
    return ProductChanged(
        product_id=product_id,
        sku=product_id,
        title=f"The {product_id}",
        price=Money(amount=price, currency="GBP"),
        available=available,
    )


def paid(order_id: str, user_id: str = "usr_ada", **quantities: int) -> OrderPaid:
    price = Money(amount=100, currency="GBP")
    lines = tuple(
        OrderLine(product_id=key, title=key, quantity=count, unit_price=price, line_total=price.times(count))
        for key, count in quantities.items()
    )
    total = Money.total((line.line_total for line in lines), "GBP")
    return OrderPaid(order_id=order_id, user_id=user_id, lines=lines, total=total, paid_at=datetime.now(UTC))
