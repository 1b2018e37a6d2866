"""What the measurements are made with: an event, its records, a database with the backbone's collections."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from aiokafka import ConsumerRecord
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from bench.ground import Ground
from shop_events import migrations
from shop_events.contracts import Fact, Money
from shop_events.contracts.catalog import OrderPaid
from shop_events.envelope import Message, encode, envelope_for
from shop_events.unit_of_work import Transactor, UnitOfWork

TOPIC = OrderPaid.topic
_NOW = datetime(2026, 1, 1, tzinfo=UTC)


def paid(number: int) -> OrderPaid:
    """Return the event of an order of its own."""
    total = Money(amount=100, currency="GBP")
    return OrderPaid(
        order_id=f"ord_{number:032x}", user_id="usr_" + "0" * 32, lines=(), total=total, paid_at=_NOW
    )


def messages(count: int) -> Iterator[Message]:
    """Return the records of so many events."""
    for number in range(count):
        event = paid(number)
        yield encode(envelope_for(Fact(event, 1), "catalog"), event)


def records(count: int, topic: str) -> list[ConsumerRecord]:
    """Return records as a client of Kafka hands them out."""
    return [
        ConsumerRecord(
            topic=topic,
            partition=0,
            offset=number,
            timestamp=0,
            timestamp_type=0,
            key=message.key.encode(),
            value=message.value,
            checksum=None,
            serialized_key_size=0,
            serialized_value_size=len(message.value or b""),
            headers=tuple((name, value.encode()) for name, value in message.headers.items()),
        )
        for number, message in enumerate(messages(count))
    ]


@asynccontextmanager
async def database(here: Ground) -> AsyncIterator[tuple[AsyncMongoClient[Any], AsyncDatabase[Any]]]:
    """Give an empty database of its own with the backbone's collections; drop it at the end."""
    async with here.client() as client:
        db = client[f"bench_{secrets.token_hex(4)}"]
        await migrations.migrate(db)
        await db.create_collection("effects")
        try:
            yield client, db
        finally:
            await client.drop_database(db.name)


def transactor(client: AsyncMongoClient[Any], db: AsyncDatabase[Any]) -> Transactor[UnitOfWork]:
    """Return what opens plain units of work."""
    return Transactor(client, db, lambda db, session: UnitOfWork(db, session, "catalog"))
