"""Tries parked events again when their time has come, and gives up on them when their patience is over."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any

import structlog
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from shop_events import batch, clock, metrics, parking
from shop_events.batch import Outcome, count, give_up, handle, inbox_keys
from shop_events.deliveries import Delivery, interpret
from shop_events.errors import EventError
from shop_events.handlers import Subscriptions
from shop_events.inbox import Inbox
from shop_events.unit_of_work import Transactor, UnitOfWork, is_disconnected, is_excuse
from shop_events.waiting import Backoff, wait_for

log = structlog.get_logger(__name__)

_AT_ONCE = 4
_SHORTEST_LOOK = 0.05
_LONGEST_LOOK = 5.0
_COUNT_EVERY = 1.0
_EVENTS_PER_KEY = 50


class Retrier:
    """Works off the parked events of one group. Several may run: each head is claimed by one of them.

    Args:
        db: the service's database.
        transact: opens units of work.
        subscriptions: the group's handlers.
        limit: so many waiting keys, or fifty times as many waiting events, mean that the trouble is
            elsewhere (:attr:`overloaded`).
    """

    def __init__(
        self,
        db: AsyncDatabase[Any],
        transact: Transactor[Any],
        subscriptions: Subscriptions,
        limit: int = 1000,
    ) -> None:
        self._db = db
        self._transact = transact
        self._subscriptions = subscriptions
        self._group = subscriptions.group
        self._limit = limit
        self._keys = 0
        self._events = 0
        self._counted_at = 0.0
        self._wake = asyncio.Event()

    @property
    def overloaded(self) -> bool:
        """Say whether too much waits for the consumer to go on."""
        return self._keys >= self._limit or self._events >= _EVENTS_PER_KEY * self._limit

    def parked(self) -> None:
        """Look soon: one more event was parked."""
        self._keys += 1  # or its key waits already; the next count knows
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled; MongoDB failing is waited for."""
        backoff = Backoff()
        while True:
            self._wake.clear()
            try:
                busy = await self._round()
                if not busy or time.monotonic() - self._counted_at > _COUNT_EVERY:
                    await self._count()
                pause = 0.0 if busy else await self._next_look()
            except PyMongoError as error:
                log.warning("MongoDB failed, parked events wait", reason=type(error).__name__)
                await backoff.pause(asyncio.Event())
                continue
            backoff.reset()
            await wait_for(self._wake, pause)

    async def retry_one(self) -> bool:
        """Try one parked event whose time has come; say whether there was one."""
        row = await parking.claim_due(self._db)
        if row is not None:
            await self._try(row)
        return row is not None

    async def _round(self) -> bool:
        """Try a few heads whose time has come, side by side; say whether there were any."""
        rows: list[parking.Row] = []
        while len(rows) < _AT_ONCE and (row := await parking.claim_due(self._db)):
            rows.append(row)
        outcomes = await asyncio.gather(*map(self._try, rows), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return bool(rows)

    async def _count(self) -> None:
        waiting = await parking.count(self._db, self._limit)
        was_overloaded = self.overloaded
        self._keys, self._events = waiting.keys, waiting.events
        self._counted_at = time.monotonic()
        metrics.PARKED_KEYS.labels(self._group).set(waiting.keys)
        metrics.PARKED_EVENTS.labels(self._group).set(waiting.events)
        metrics.PAUSED.labels(self._group).set(self.overloaded)
        if self.overloaded != was_overloaded:
            told = {"group": self._group, "keys": waiting.keys, "events": waiting.events}
            if self.overloaded:
                log.error("too much is parked: the consumer takes no more", **told)
            else:
                log.info("less is parked: the consumer goes on", **told)

    async def _next_look(self) -> float:
        if not self._keys:
            return _LONGEST_LOOK
        due_at = await parking.next_due(self._db)
        if due_at is None:  # all of them were given up on and are held
            return _LONGEST_LOOK
        seconds = (due_at - clock.now()).total_seconds()
        return min(max(seconds, _SHORTEST_LOOK), _LONGEST_LOOK)

    async def _try(self, row: parking.Row) -> None:
        message, origin = parking.message_of(row)
        delivery = interpret(message, origin, self._subscriptions, row["replayed"])
        try:
            await self._transact(self._retry, row, delivery)
        except Exception as error:
            if is_disconnected(error):
                raise
            metrics.RETRIES.labels(self._group).inc()
            if is_excuse(error):
                await parking.excuse(self._db, row, reason_of(error))
            else:
                await self._failed(row, delivery, error)

    async def _retry(self, uow: UnitOfWork, row: parking.Row, delivery: Delivery | None) -> None:
        if not await parking.leave(uow, row) or delivery is None:
            return
        inbox = await Inbox.load(uow, inbox_keys(delivery))
        if delivery.received is None:
            self._give_up(uow, delivery, inbox, delivery.problem or "unreadable", 1)
            outcome = Outcome.DEAD
        else:
            async with asyncio.timeout(batch.LONGEST_HANDLING):
                outcome = await handle(uow, delivery, inbox, self._group)
        inbox.flush()
        uow.on_commit.append(lambda: self._tell(delivery, outcome))

    async def _failed(self, row: parking.Row, delivery: Delivery | None, error: Exception) -> None:
        reason = reason_of(error)
        if delivery is None or parking.waited(row["tries"]) < _patience(delivery):
            await parking.postpone(self._db, row, reason)
            return
        log.error("event given up", event_id=delivery.id, reason=reason, tries=row["tries"] + 1)
        try:
            await self._transact(self._bury, row, delivery, reason)
        except Exception as bury_error:  # one that cannot even be buried must not stop the others
            log.exception("event cannot be given up", event_id=delivery.id)
            await parking.postpone(self._db, row, reason_of(bury_error))

    async def _bury(self, uow: UnitOfWork, row: parking.Row, delivery: Delivery, reason: str) -> None:
        holds = any(handler.hold_key for handler in delivery.handlers)
        if not await (parking.hold(uow, row) if holds else parking.leave(uow, row)):
            return
        inbox = await Inbox.load(uow, inbox_keys(delivery))
        self._give_up(uow, delivery, inbox, reason, row["tries"] + 1)
        inbox.flush()
        uow.on_commit.append(lambda: self._tell(delivery, Outcome.DEAD))

    def _give_up(self, uow: UnitOfWork, delivery: Delivery, inbox: Inbox, reason: str, tries: int) -> None:
        give_up(uow, delivery, inbox, group=self._group, reason=reason, tries=tries)

    def _tell(self, delivery: Delivery, outcome: Outcome) -> None:
        count(self._group, [delivery], [outcome])


def _patience(delivery: Delivery) -> timedelta:
    return max((handler.patience for handler in delivery.handlers), default=timedelta())


def reason_of(error: BaseException) -> str:
    """Say what went wrong without quoting data: the error's type, and its text if it is one of ours."""
    return f"{type(error).__name__}: {error}" if isinstance(error, EventError) else type(error).__name__
