"""Rebuilding a read model: forget it, and apply the topics it comes from anew. No effect happens again.

Only the handlers of the one projection run, outside of the consumer group: no inbox, no offsets, nothing
parked or published. The consumer may go on meanwhile, because a projection keeps the highest sequence.
The topics are read to an end that is taken after the old state was forgotten, so that whatever the consumer
wrote before, and lost by it, is among them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from shop_events.batch import trace_of
from shop_events.context import use_trace
from shop_events.deliveries import Delivery, Origin, interpret
from shop_events.envelope import Message
from shop_events.handlers import Handler, Subscriptions
from shop_events.kafka import KafkaSettings
from shop_events.operations.records import Record, read
from shop_events.topics import TOPICS
from shop_events.unit_of_work import Transactor, UnitOfWork, is_transient

_BATCH = 100

log = structlog.get_logger(__name__)

Forget = Callable[[], Awaitable[None]]


class NotRebuildable(Exception):
    """The topics no longer hold all that the read model is made from."""


class ProjectionPublishes(Exception):
    """A projection put something into the outbox: rebuilding it would tell that again."""


@dataclass
class Rebuilt:
    """What a rebuild did.

    Args:
        applied: events that were applied.
        unreadable: records that fit no contract; they are dead letters already.
        failed: ids of events whose handler raised, also at a second try.
    """

    applied: int = 0
    unreadable: int = 0
    failed: list[str] = field(default_factory=list)


def sources(subscriptions: Subscriptions, projection: str) -> list[str]:
    """Return the topics that a read model is made from.

    Raises:
        NotRebuildable: one of them does not keep everything.
    """
    topics = sorted({handler.contract.topic for handler in _handlers(subscriptions, projection)})
    for name in topics:
        if (kept := TOPICS[name].retention) is not None:
            raise NotRebuildable(f"{name} keeps {kept.days} days: what is older would be lost for good")
    return topics


async def rebuild(
    kafka: KafkaSettings,
    subscriptions: Subscriptions,
    projection: str,
    transact: Transactor[Any],
    forget: Forget,
) -> Rebuilt:
    """Forget a read model and make it again. When this is interrupted, do it once more.

    Args:
        subscriptions: those of the service; the handlers of ``projection`` are among them.
        transact: opens units of work on its database.
        forget: empties what the projection keeps.

    Raises NotRebuildable before anything is forgotten; KafkaError, PyMongoError, ProjectionPublishes.
    """
    topics = sources(subscriptions, projection)
    run = _Run(Subscriptions(subscriptions.group, _handlers(subscriptions, projection)), transact)
    await forget()
    for topic in topics:
        batch: list[Record] = []
        async for record in read(kafka, topic):
            batch.append(record)
            if len(batch) == _BATCH:
                await run.take(batch)
                batch = []
        await run.take(batch)
        await run.try_again()
        log.info("read model being rebuilt", projection=projection, topic=topic, applied=run.result.applied)
    return run.result


def _handlers(subscriptions: Subscriptions, projection: str) -> list[Handler[Any]]:
    return [handler for handler in subscriptions if handler.projection == projection]


class _Run:
    """Applies events to one projection; what fails is put off until the end of its topic."""

    def __init__(self, subscriptions: Subscriptions, transact: Transactor[Any]) -> None:
        self._subscriptions = subscriptions
        self._transact = transact
        self._put_off: list[Delivery] = []
        self.result = Rebuilt()

    async def take(self, records: Sequence[Record]) -> None:
        """Apply records in order, in as few transactions as go through."""
        found = [self._delivery(record) for record in records]
        deliveries = [delivery for delivery in found if delivery is not None]
        readable = [delivery for delivery in deliveries if delivery.received is not None]
        self.result.unreadable += len(deliveries) - len(readable)
        self._put_off += await self._apply(readable)

    async def try_again(self) -> None:
        """Apply what was put off; what fails again is reported."""
        put_off, self._put_off = self._put_off, []
        for delivery in put_off:
            self.result.failed += [each.id for each in await self._apply([delivery])]

    async def _apply(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Apply deliveries, halving what fails; return those that cannot be applied."""
        if not deliveries:
            return []
        try:
            await self._transact(_project, deliveries)
        except Exception as error:
            if is_transient(error) or isinstance(error, ProjectionPublishes):
                raise
            if len(deliveries) == 1:
                log.warning("event put off", event_id=deliveries[0].id, reason=type(error).__name__)
                return list(deliveries)
            middle = len(deliveries) // 2
            return await self._apply(deliveries[:middle]) + await self._apply(deliveries[middle:])
        self.result.applied += len(deliveries)
        return []

    def _delivery(self, record: Record) -> Delivery | None:
        message = Message(record.topic, record.key, record.headers, record.value)
        origin = Origin(record.topic, record.partition, record.offset)
        return interpret(message, origin, self._subscriptions)


async def _project(uow: UnitOfWork, deliveries: Sequence[Delivery]) -> None:
    for delivery in deliveries:
        assert delivery.received is not None
        uow.envelope = delivery.received.envelope
        with use_trace(trace_of(delivery.received)):
            for handler in delivery.handlers:
                await handler(uow, delivery.received.event)
    if uow.tells:
        raise ProjectionPublishes("a projection must not publish")
