"""The relay working off a full outbox, beside a tail of the same change stream that does nothing else."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from typing import Any

import uvloop
from pymongo.asynchronous.database import AsyncDatabase

from bench.events.made_up import database, messages
from bench.figures import Comparison, Contender, Effort, Figure
from bench.ground import Ground
from shop_events.kafka import KafkaSettings
from shop_events.outbox import OUTBOX, row_of
from shop_events.producing import TransactionalPublisher
from shop_events.relay import RELAY_STATE, OutboxRelay

ROWS = 30_000


def compare(here: Ground, effort: Effort) -> list[Comparison]:
    """Compare reading all changes with reading, publishing and deleting them."""
    prefix = f"r{secrets.token_hex(2)}."
    here.topics(prefix)
    kafka = KafkaSettings(bootstrap_servers=here.kafka, topic_prefix=prefix)
    rounds = effort.alternate(
        [
            Contender("bare change-stream tail", lambda: uvloop.run(_tail(here))),
            Contender("relay", lambda: uvloop.run(_relay(here, kafka))),
        ]
    )
    return [Comparison("relay", "rows", rounds, least_ratio=0.8)]


async def _fill(db: AsyncDatabase[Any]) -> Any:
    """Fill the outbox; return the place before its first row."""
    async with await db[OUTBOX].watch() as stream:
        await stream.try_next()
        place = stream.resume_token
    rows = [row_of(message, 1) for message in messages(ROWS)]
    for start in range(0, ROWS, 1000):
        await db[OUTBOX].insert_many(rows[start : start + 1000])
    return place


async def _tail(here: Ground) -> Figure:
    async with database(here) as (_, db):
        place = await _fill(db)
        started = time.perf_counter()
        async with await db[OUTBOX].watch(resume_after=place) as stream:
            for _ in range(ROWS):
                await anext(stream)
        return Figure(ROWS / (time.perf_counter() - started))


class _Timed(OutboxRelay):
    """Notes when it begins to read (its connections are open then), and when all is saved."""

    started = 0.0
    saved = 0

    async def _follow(self, publisher: TransactionalPublisher, stop: asyncio.Event) -> None:
        self.started = time.perf_counter()
        await super()._follow(publisher, stop)

    async def _save(self, rows: Sequence[Any], token: Any) -> None:
        await super()._save(rows, token)
        self.saved += len(rows)
        if self.saved >= ROWS:
            self.all_saved.set()

    async def measure(self) -> Figure:
        """Return the rate at which the outbox was worked off."""
        self.all_saved, stop = asyncio.Event(), asyncio.Event()
        running = asyncio.create_task(self.run(stop))
        await self.all_saved.wait()
        figure = Figure(ROWS / (time.perf_counter() - self.started))
        stop.set()
        await running
        return figure


async def _relay(here: Ground, kafka: KafkaSettings) -> Figure:
    async with database(here) as (client, db):
        place = await _fill(db)
        await db[RELAY_STATE].insert_one({"_id": "position", "token": place})
        return await _Timed(client, db, kafka, "catalog").measure()
