"""The consumer working off a full topic, beside bare transactions of a hundred events from nowhere."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import uvloop
from pymongo import InsertOne, WriteConcern
from pymongo.asynchronous.client_session import AsyncClientSession

from bench.events.faststream_reader import drain as faststream
from bench.events.made_up import TOPIC, database, messages, transactor
from bench.figures import Comparison, Contender, Effort, Figure
from bench.ground import Ground
from bench.topic import fill
from shop_events.consumer import Consumer
from shop_events.contracts.catalog import OrderPaid
from shop_events.handlers import Handler, Subscriptions, on
from shop_events.inbox import INBOX
from shop_events.kafka import KafkaSettings
from shop_events.unit_of_work import UnitOfWork

EVENTS = 20_000
_BATCH = 100


@on(OrderPaid, effect="receipt:{order_id}")
async def _in_bulk(uow: UnitOfWork, event: OrderPaid) -> None:
    uow.write("effects", InsertOne({"_id": event.order_id, "amount": event.total.amount}))


@on(OrderPaid, effect="receipt:{order_id}")
async def _one_by_one(uow: UnitOfWork, event: OrderPaid) -> None:
    effect = {"_id": event.order_id, "amount": event.total.amount}
    await uow.db["effects"].insert_one(effect, session=uow.session)


def compare(here: Ground, effort: Effort) -> list[Comparison]:
    """Compare bare transactions, FastStream without inbox, and the consumer with either kind of handler."""

    def fresh() -> str:
        prefix = f"c{secrets.token_hex(2)}."
        here.topics(prefix)
        asyncio.run(fill(here.kafka, prefix, ((message, None) for message in messages(EVENTS))))
        return prefix

    def consuming(handler: Handler[Any]) -> Callable[[], Figure]:
        return lambda: uvloop.run(_consume(here, fresh(), handler))

    rounds = effort.alternate(
        [
            Contender("bare transactions of 100 events", lambda: uvloop.run(_bare(here))),
            Contender("FastStream, no inbox", lambda: uvloop.run(_faststream(here, fresh()))),
            Contender("consumer, writes one by one", consuming(_one_by_one)),
            Contender("consumer", consuming(_in_bulk)),
        ]
    )
    return [Comparison("consume, inbox and effect", "events", rounds, least_ratio=0.8)]


async def _bare(here: Ground) -> Figure:
    async with database(here) as (client, db):
        started = time.perf_counter()
        for ids in _ids():

            async def work(session: AsyncClientSession, ids: list[str] = ids) -> None:
                await db[INBOX].find({"_id": {"$in": ids}}, {"_id": 1}, session=session).to_list()
                effects = [{"_id": each, "amount": 100} for each in ids]
                await db["effects"].insert_many(effects, session=session)
                seen = [{"_id": f"receipt:{each}", "expires_at": datetime.now(UTC)} for each in ids]
                await db[INBOX].insert_many(seen, session=session)

            async with client.start_session() as session:
                await session.with_transaction(work, write_concern=WriteConcern("majority"))
        return Figure(EVENTS / (time.perf_counter() - started))


def _ids() -> Iterator[list[str]]:
    for start in range(0, EVENTS, _BATCH):
        yield [f"ord_{number:032x}" for number in range(start, start + _BATCH)]


async def _consume(here: Ground, prefix: str, handler: Handler[Any]) -> Figure:
    async with database(here) as (client, db):
        kafka = KafkaSettings(bootstrap_servers=here.kafka, topic_prefix=prefix)
        counting = _Counting(handler)
        consumer = Consumer(db, kafka, Subscriptions("notifier", [counting.handler]), transactor(client, db))
        return await _timed(consumer.run, counting)


class _Counting:
    """Lets a handler run and notes when the first and the last event are committed."""

    def __init__(self, handler: Handler[Any]) -> None:
        self.started = 0.0
        self.all_done = asyncio.Event()
        self._left = EVENTS

        @on(handler.contract, effect=handler.effect)
        async def counted(uow: UnitOfWork, event: Any) -> None:
            self.started = self.started or time.perf_counter()
            uow.on_commit.append(self.one_done)
            await handler(uow, event)

        self.handler = counted

    def one_done(self) -> None:
        self._left -= 1
        if not self._left:
            self.all_done.set()


async def _timed(run: Callable[[asyncio.Event], Awaitable[None]], counting: _Counting) -> Figure:
    stop = asyncio.Event()
    running = asyncio.ensure_future(run(stop))
    await counting.all_done.wait()
    figure = Figure(EVENTS / (time.perf_counter() - counting.started))
    stop.set()
    await running
    return figure


async def _faststream(here: Ground, prefix: str) -> Figure:
    async with database(here) as (_, db):
        return Figure(await faststream(here.kafka, prefix + TOPIC, db, EVENTS))
