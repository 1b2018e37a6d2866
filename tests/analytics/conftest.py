"""Analytics on a real MongoDB, with or without Kafka, fed with events as other services tell them."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from shop_analytics.application.intake import Record
from shop_analytics.main import intake_of
from shop_analytics.settings import AnalyticsSettings
from shop_analytics.store import positions
from shop_analytics.store.positions import POSITIONS
from shop_analytics.store.schema import migrate
from shop_analytics.store.unit_of_work import AnalyticsUnitOfWork, Transact
from shop_analytics.streams.batches import Batches
from shop_events import migrations
from shop_events.contracts import Event, Fact, Money
from shop_events.contracts.catalog import (
    OrderCancelled,
    OrderLine,
    OrderPaid,
    OrderPaymentDeclined,
    ProductChanged,
)
from shop_events.contracts.identity import LoginFailed, LoginSucceeded
from shop_events.contracts.ops import VitalsSampled
from shop_events.contracts.session import PageEngaged, PageViewed
from shop_events.envelope import Message, Received, decode, encode, envelope_for
from shop_events.handlers import Handler
from shop_events.outbox import OUTBOX, message_of
from shop_events.unit_of_work import Transactor
from tests.databases import Database, Databases

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
_views = itertools.count()


def view(visitor: str, product: str | None = None, at: datetime = NOON, **more: Any) -> PageViewed:
    said = {"view_id": f"v{next(_views)}", "page": f"/p/{product}", **more}
    return PageViewed(visitor_id=visitor, product_id=product, at=at, **said)


def engaged(view: PageViewed, milliseconds: int, seconds: float = 5) -> PageEngaged:
    return PageEngaged(
        visitor_id=view.visitor_id,
        view_id=view.view_id,
        product_id=view.product_id,
        milliseconds=milliseconds,
        at=view.at + timedelta(seconds=seconds),
    )


def _line(product: str) -> OrderLine:
    price = Money(amount=100, currency="GBP")
    return OrderLine(product_id=product, title=product, quantity=2, unit_price=price, line_total=price)


def paid(order: str, user: str, *products: str, at: datetime = NOON) -> OrderPaid:
    total = Money(amount=100, currency="GBP")
    lines = tuple(_line(product) for product in products)
    return OrderPaid(order_id=order, user_id=user, lines=lines, total=total, paid_at=at)


def declined(order: str, user: str, at: datetime = NOON) -> OrderCancelled:
    total = Money(amount=100, currency="GBP")
    return OrderCancelled(
        order_id=order, user_id=user, lines=(), total=total, reason="payment_declined", cancelled_at=at
    )


def declined_try(attempt: str, user: str, at: datetime = NOON) -> OrderPaymentDeclined:
    total = Money(amount=100, currency="GBP")
    told = {"attempt_id": attempt, "declined_at": at, "payable_until": at + timedelta(minutes=15)}
    return OrderPaymentDeclined(order_id="ord_1", user_id=user, lines=(), total=total, **told)


def failed(subject: str, at: datetime = NOON) -> LoginFailed:
    return LoginFailed(subject=subject, reason="credentials", at=at)


def succeeded(user: str, at: datetime = NOON) -> LoginSucceeded:
    return LoginSucceeded(user_id=user, family_id="fam_1", at=at)


def vitals(instance: str, *samples: tuple[int, float]) -> list[Event]:
    return [
        VitalsSampled(
            instance=instance,
            service="catalog",
            memory_available_ratio=ratio,
            resident_bytes=1,
            cpu_seconds=1,
            loop_lag_seconds=0,
            at=NOON + timedelta(seconds=seconds),
        )
        for seconds, ratio in samples
    ]


def product(product_id: str, *, available: bool = True) -> ProductChanged:
    return ProductChanged(
        product_id=product_id,
        sku=product_id,
        title=f"The {product_id}",
        price=Money(amount=250, currency="GBP"),
        available=available,
    )


def message(event: Event, event_id: str | None = None, sequence: int = 1) -> Message:
    return encode(envelope_for(Fact(event, sequence), "session", event_id), event)


def decoded(row: dict[str, Any]) -> Received:
    return decode(message_of(row))


@dataclass
class Log:
    """Topics as a broker would hold them: each record has its place, for ever. Keys choose partitions."""

    partitions: int = 3
    records: list[Record] = field(default_factory=list)
    _ends: dict[tuple[str, int], int] = field(default_factory=dict)

    def append(self, *events: Event | Message) -> list[Record]:
        added = [self._placed(event if isinstance(event, Message) else message(event)) for event in events]
        self.records += added
        return added

    def _placed(self, message: Message) -> Record:
        partition = sum(message.key.encode()) % self.partitions
        offset = self._ends.get((message.topic, partition), 0)
        self._ends[message.topic, partition] = offset + 1
        return Record(message, partition, offset)


@dataclass
class Streams:
    """The streams' counting, without what carries records to it."""

    db: Database
    transact: Transact
    batches: Batches

    async def take(self, records: Sequence[Record], size: int = 500) -> None:
        await positions.begin(self.db[POSITIONS], {record.place for record in records})
        for start in range(0, len(records), size):
            await self.batches.handle(records[start : start + size])

    async def told(self, *contracts: type[Event]) -> list[Any]:
        """Return the events in the outbox, in the order they were told."""
        rows = [decoded(row) async for row in self.db[OUTBOX].find().sort("_id")]
        return [row.event for row in rows if isinstance(row.event, contracts)]

    async def counts(self) -> dict[str, Any]:
        """Return all that was counted, in a form that compares."""
        return {
            name: {
                document.pop("_id"): {key: value for key, value in document.items() if key not in _WHEN}
                async for document in self.db[name].find()
            }
            for name in ("tallies", "days", "co_purchases", "co_views", "purchases", "positions", "attention")
        } | {
            name: {document["_id"]: document["state"] async for document in self.db[name].find()}
            for name in ("visitors", "watches")
        }


async def hear(streams: Streams, handler: Handler[Any], event: Event, sequence: int = 1) -> None:
    """Let the consumer take an event of catalog."""

    async def work(uow: AnalyticsUnitOfWork) -> None:
        uow.envelope = decode(message(event, None, sequence)).envelope
        await handler(uow, event)

    await streams.transact(work)


async def list_products(streams: Streams, *product_ids: str) -> None:
    """Let catalog have told of products long ago."""
    card = product("x").model_dump(include={"title", "price", "image_url", "available"})
    known = {"gone": False, "sequence": 1, **card}
    await streams.db.products.insert_many({"_id": id, **known} for id in product_ids)


_WHEN = {"touched_at", "expires_at"}


@pytest.fixture
def settings() -> AnalyticsSettings:
    return AnalyticsSettings(suggestion_delay_seconds=0)


@pytest.fixture
async def db(databases: Databases) -> AsyncIterator[Database]:
    async with databases.empty(migrations.migrate, migrate) as database:
        yield database


@pytest.fixture
def transact(db: Database) -> Transact:
    return Transactor(db.client, db, partial(AnalyticsUnitOfWork, source="analytics"))


@pytest.fixture
def streams(db: Database, transact: Transact, settings: AnalyticsSettings) -> Streams:
    return Streams(db, transact, Batches(transact, intake_of(settings)))
