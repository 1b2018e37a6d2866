"""A notifier without Kafka: its use cases on a real MongoDB, and a provider that does what a test says."""

import asyncio
import base64
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

import pytest

from shop_events.contracts import Fact, Money
from shop_events.contracts.catalog import OrderLine, OrderPaid
from shop_events.contracts.identity import ContactChanged, ContactPoint
from shop_events.envelope import envelope_for
from shop_events.unit_of_work import Transactor
from shop_notifier.adapters.seals import Seals
from shop_notifier.adapters.templates import Templates
from shop_notifier.adapters.unsubscribe_links import UnsubscribeLinks
from shop_notifier.application import people, receipts
from shop_notifier.domain.policies import Rules
from shop_notifier.domain.sending import Accepted, Message, Outcome
from shop_notifier.store.schema import migrate
from shop_notifier.store.unit_of_work import NotifierUnitOfWork, Transact
from tests.databases import Database, Databases

T = TypeVar("T")
UNSUBSCRIBE_KEY = base64.urlsafe_b64encode(b"k" * 32).decode()


@pytest.fixture
async def db(databases: Databases) -> AsyncIterator[Database]:
    async with databases.empty(migrate) as database:
        yield database


@pytest.fixture
def transact(db: Database) -> Transact:
    return transactor(db)


def transactor(db: Database, rules: Rules = Rules()) -> Transact:  # noqa: B008
    """Return use cases under ``rules``."""
    links = UnsubscribeLinks([UNSUBSCRIBE_KEY], "http://shop.test")
    factory = partial(
        NotifierUnitOfWork,
        source="notifier",
        texts=Templates(),
        links=links,
        seals=Seals([UNSUBSCRIBE_KEY]),
        rules=rules,
    )
    return Transactor(db.client, db, factory)


class FakeProvider:
    """Takes messages down; answers what ``answers`` says, in order, then accepts."""

    def __init__(self, *answers: Outcome, pause: float = 0) -> None:
        self.sent: list[Message] = []
        self.times: list[float] = []
        self.answers = list(answers)
        self.pause = pause

    async def send(self, message: Message) -> Outcome:
        self.sent.append(message)
        self.times.append(time.monotonic())
        answer = self.answers.pop(0) if self.answers else Accepted(f"P{len(self.sent)}")
        await asyncio.sleep(self.pause)
        return answer

    @property
    def ids(self) -> list[str]:
        return [message.tags["notification_id"] for message in self.sent]


def order(order_id: str = "ord_1", user_id: str = "usr_1", amount: int = 1234) -> OrderPaid:
    price = Money(amount=amount, currency="GBP")
    line = OrderLine(product_id="prd_1", title="Cup & saucer", quantity=1, unit_price=price, line_total=price)
    return OrderPaid(
        order_id=order_id, user_id=user_id, lines=(line,), total=price, paid_at=datetime.now(UTC)
    )


def contact(
    user_id: str = "usr_1", sms: str | None = "+447700900123", marketing_since: datetime | None = None
) -> ContactChanged:
    points = [ContactPoint(channel="email", address=f"{user_id}@example.com")]
    if sms:
        points.append(ContactPoint(channel="sms", address=sms))
    return ContactChanged(user_id=user_id, name="Ada", points=tuple(points), marketing_since=marketing_since)


async def tell_contact(transact: Transact, event: ContactChanged, sequence: int = 1) -> None:
    """Handle a contact event as the consumer does."""

    async def handle(uow: NotifierUnitOfWork) -> None:
        uow.envelope = replace(envelope_for(Fact(event, sequence), "identity"), sequence=sequence)
        await people.keep_contact(uow, event)

    await transact(handle)


async def queue_orders(transact: Transact, count: int, user_id: str = "usr_1") -> list[str]:
    """Pay ``count`` orders of a reachable user and return their ids."""
    await tell_contact(transact, contact(user_id))
    ids = [f"ord_{secrets.token_hex(8)}" for _ in range(count)]

    async def queue(uow: NotifierUnitOfWork) -> None:
        for id in ids:
            await receipts.queue(uow, order(id, user_id))

    await transact(queue)
    return ids


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
    """Wait until ``condition`` holds; fail after ``seconds``."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
