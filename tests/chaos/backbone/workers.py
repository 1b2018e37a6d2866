"""The processes that are killed: producers, relays and consumers, as a service would run them."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from pydantic import BaseModel
from pymongo.errors import PyMongoError

from shop_events.consumer import Consumer
from shop_events.kafka import KafkaSettings
from shop_events.relay import OutboxRelay
from tests.chaos.backbone import shop

LEASE = timedelta(seconds=3)
SESSION = timedelta(seconds=3)
STOPS_WITHIN = 30.0
"""Seconds that a worker has between SIGTERM and its end."""

log = structlog.get_logger(__name__)


class Place(BaseModel):
    """Where the servers are and which of their things belong to this trial."""

    mongo_url: str
    kafka: KafkaSettings
    owner_db: str = "chaos_owner"
    reader_db: str = "chaos_reader"


async def produce(place: Place, stop: asyncio.Event) -> None:
    """Trade without end, and pay what is owed."""
    client = shop.connect(place.mongo_url)
    transact = shop.transactor(client, client[place.owner_db], shop.OWNER)
    chance = random.Random()
    while not stop.is_set():
        try:
            await transact(shop.trade, chance)
            await transact(shop.pay, datetime.now(UTC))
        except PyMongoError as error:
            log.warning("trade failed", reason=type(error).__name__)
        await asyncio.sleep(chance.uniform(0.02, 0.2))
    await client.close()


async def relay(place: Place, stop: asyncio.Event) -> None:
    """Publish both outboxes: the owner's, and the reader's with its dead letters."""
    client = shop.connect(place.mongo_url)
    outboxes = ((place.owner_db, shop.OWNER), (place.reader_db, shop.READER))
    relays = [OutboxRelay(client, client[db], place.kafka, name, lease_ttl=LEASE) for db, name in outboxes]
    await asyncio.gather(*(one.run(stop) for one in relays))
    await client.close()


async def consume(place: Place, stop: asyncio.Event) -> None:
    """Read what the owner tells."""
    client = shop.connect(place.mongo_url)
    db = client[place.reader_db]
    transact = shop.transactor(client, db, shop.READER)
    consumer = Consumer(db, place.kafka, shop.SUBSCRIPTIONS, transact, session_timeout=SESSION)
    await consumer.run(stop)
    await client.close()


ROLES: dict[str, Callable[[Place, asyncio.Event], Awaitable[None]]] = {
    "producer": produce,
    "relay": relay,
    "consumer": consume,
}


async def work(role: str, place: Place) -> None:
    """Do the work of ``role`` until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    telling = asyncio.create_task(_tell_what_does_not_stop(stop))
    await ROLES[role](place, stop)
    telling.cancel()


async def _tell_what_does_not_stop(stop: asyncio.Event) -> None:
    await stop.wait()
    await asyncio.sleep(STOPS_WITHIN - 5)
    for task in asyncio.all_tasks():
        task.print_stack()


def run(role: str, place: dict[str, Any]) -> None:
    """Run a worker in this process until it ends."""
    import uvloop

    uvloop.run(work(role, Place.model_validate(place)))
