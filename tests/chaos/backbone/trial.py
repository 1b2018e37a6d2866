"""One trial: starts everything, deals the blows, and lets the system come to rest to be counted."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from shop_events import admin, migrations
from shop_events.kafka import KafkaSettings
from shop_events.topics import TOPICS, Topic, dead_letters, replay
from tests.chaos.backbone import servers, shop
from tests.chaos.backbone.nursery import Nursery
from tests.chaos.backbone.servers import Server
from tests.chaos.backbone.storm import WORKERS, Blow, What
from tests.chaos.backbone.workers import STOPS_WITHIN, Place

STOCK_TOPIC, PRODUCTS_TOPIC = "catalog.stock.v1", "catalog.products.v1"
LETTERS_TOPIC, REPLAY_TOPIC = dead_letters(shop.READER), replay(shop.READER)


class EndedByItself(AssertionError):
    """A worker that nobody killed is gone."""


class Compacted(Topic):
    """A topic whose old records are really thrown away within the trial."""

    @property
    def config(self) -> dict[str, str]:
        return super().config | {"segment.ms": "5000", "min.cleanable.dirty.ratio": "0.01"}


@dataclass
class Scene:
    """The databases and topics of a trial."""

    place: Place
    client: AsyncMongoClient[Any]

    @property
    def owner(self) -> Any:
        return self.client[self.place.owner_db]

    @property
    def reader(self) -> Any:
        return self.client[self.place.reader_db]

    async def prepare(self) -> None:
        """Create collections, indexes and topics."""
        for name in (self.place.owner_db, self.place.reader_db):
            await migrations.migrate(self.client[name])
        for database, collections in (
            (self.owner, ("stock", "owed", "products")),
            (self.reader, ("effects", "products", "mended")),
        ):
            for collection in collections:
                await database.create_collection(collection)
        of_state = TOPICS[PRODUCTS_TOPIC]
        compacted = Compacted(*(getattr(of_state, name) for name in Topic.__dataclass_fields__))
        topics = [TOPICS[name] for name in (STOCK_TOPIC, LETTERS_TOPIC, REPLAY_TOPIC)]
        await admin.ensure_topics(self.place.kafka, [compacted, *topics])

    async def pay_all(self) -> None:
        """Tell of everything that is owed."""
        transact = shop.transactor(self.client, self.owner, shop.OWNER)
        while await transact(shop.pay, datetime.now(UTC) + timedelta(days=1)):
            pass


@dataclass
class Trial(Scene):
    """Servers, workers, and what was done to them so far."""

    database: Server
    broker: Server
    nursery: Nursery
    pids: dict[str, int] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    dealt: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    _going_on: set[asyncio.Task[None]] = field(default_factory=set)

    async def start_workers(self) -> None:
        """Start those that do not run."""
        for name in WORKERS:
            if name not in self.pids:
                await self._start(name)

    async def deal(self, blow: Blow) -> None:
        """Begin a blow; its end comes by itself. Those that are being dealt with already are spared."""
        targets = [name for name in blow.targets if name not in self.away]
        if not targets:
            return
        self.dealt[blow.what] += 1
        if blow.what is What.FLOOD:
            self._begin(self._flood())
        elif blow.what is What.JOIN:
            self._begin(self._join(blow.seconds))
        else:
            for name in targets:
                self.away.add(name)
                self._begin(self._afflict(name, blow))

    def check(self) -> None:
        """Fail when a blow failed, or a worker ended without one."""
        for task in [task for task in self._going_on if task.done()]:
            self._going_on.discard(task)
            task.result()
        for name, pid in self.pids.items():
            if name not in self.away and self.nursery.ended[pid].done():
                raise EndedByItself(f"{name} ended with {self.nursery.ended[pid].result()}")

    async def end_blows(self) -> None:
        """Wait until everybody is back."""
        while self._going_on:
            await asyncio.wait(self._going_on)
            self.check()

    async def stop_producers(self) -> None:
        """Let nothing more happen, and tell of everything that is owed."""
        for name in [name for name in self.pids if name.startswith("producer")]:
            await self._end(name, signal.SIGTERM)
        await self.pay_all()

    async def _start(self, name: str) -> None:
        self.pids[name] = await self.nursery.start(name, name.partition("-")[0].replace("guest", "consumer"))

    async def _end(self, name: str, number: signal.Signals) -> None:
        pid = self.pids.pop(name)
        ended = self.nursery.ended[pid]
        os.kill(pid, number)
        if number is signal.SIGTERM:
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(ended), STOPS_WITHIN)
            if not ended.done():
                raise EndedByItself(f"{name} did not stop within {STOPS_WITHIN:.0f} s")
        await ended

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._going_on.add(asyncio.create_task(work))

    async def _afflict(self, name: str, blow: Blow) -> None:
        afflict = self._afflict_server if name in ("Kafka", "MongoDB") else self._afflict_worker
        try:
            await afflict(name, blow)
        finally:
            self.away.discard(name)

    async def _afflict_worker(self, name: str, blow: Blow) -> None:
        if blow.what is What.PAUSE:
            os.kill(self.pids[name], signal.SIGSTOP)
            await asyncio.sleep(blow.seconds)
            os.kill(self.pids[name], signal.SIGCONT)
            return
        stop = blow.what is What.STOP
        self.kills += not stop
        await self._end(name, signal.SIGTERM if stop else signal.SIGKILL)
        await asyncio.sleep(blow.seconds)
        await self._start(name)

    async def _afflict_server(self, name: str, blow: Blow) -> None:
        server = self.broker if name == "Kafka" else self.database
        if blow.what is What.PAUSE:
            server.send(signal.SIGSTOP)
            await asyncio.sleep(blow.seconds)
            server.send(signal.SIGCONT)
            return
        stop = blow.what is What.STOP
        self.kills += not stop
        await server.end(signal.SIGTERM if stop else signal.SIGKILL)
        await asyncio.sleep(blow.seconds)
        await server.start()

    async def _join(self, seconds: float) -> None:
        self.away.add("guest")
        try:
            await self._start("guest")
            await asyncio.sleep(seconds)
            await self._end("guest", signal.SIGTERM)
        finally:
            self.away.discard("guest")

    async def _flood(self) -> None:
        transact = shop.transactor(self.client, self.owner, shop.OWNER)
        with suppress(PyMongoError):
            await transact(shop.flood)
        chance = random.Random()
        for _ in range(20):
            with suppress(PyMongoError):
                await transact(shop.trade, chance, 10)


@asynccontextmanager
async def trial(folder: Path) -> AsyncIterator[Trial]:
    """Run servers and workers for the block; whatever happens, they are gone at the end."""
    database, url = servers.database(folder / "mongod")
    broker, bootstrap = servers.broker(folder / "kafka")
    place = Place(mongo_url=url, kafka=KafkaSettings(bootstrap_servers=bootstrap))
    client = shop.connect(url)
    try:
        await asyncio.gather(database.start(), broker.start())
        await Scene(place, client).prepare()
        async with Nursery(folder, place) as nursery:
            running = Trial(place, client, database, broker, nursery)
            await running.start_workers()
            yield running
    finally:
        await client.close()
        await database.end()
        await broker.end()
