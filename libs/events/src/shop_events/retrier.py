"""Tries parked events again when their time has come, and gives up on them when their patience is over."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from pymongo.asynchronous.database import AsyncDatabase

from shop_events import clock, metrics, parking
from shop_events.batch import Outcome, count, give_up, handle, inbox_keys
from shop_events.deliveries import Delivery, interpret
from shop_events.errors import EventError
from shop_events.handlers import Subscriptions
from shop_events.inbox import Inbox
from shop_events.unit_of_work import Transactor, UnitOfWork, is_transient
from shop_events.waiting import wait_for

log = structlog.get_logger(__name__)

_LOOK_WHILE_PARKED = 0.1
_LOOK_WHEN_EMPTY = 5.0


class Retrier:
    """Works off the parked events of one group. Several may run: each head is claimed by one of them.

    Args:
        db: the service's database.
        transact: opens units of work.
        subscriptions: the group's handlers.
        limit: so many waiting keys mean that the trouble is elsewhere (:attr:`overloaded`).
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
        self._limit = limit
        self._heads = 0
        self._wake = asyncio.Event()

    @property
    def overloaded(self) -> bool:
        """Say whether too many keys wait for the consumer to go on."""
        return self._heads >= self._limit

    def wake(self) -> None:
        """Look now: something was parked."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            self._wake.clear()
            while await self.retry_one():
                pass
            self._heads = await parking.count_heads(self._db, self._limit)
            metrics.PARKED_KEYS.labels(self._subscriptions.group).set(self._heads)
            await wait_for(self._wake, _LOOK_WHILE_PARKED if self._heads else _LOOK_WHEN_EMPTY)

    async def retry_one(self) -> bool:
        """Try one parked event whose time has come; say whether there was one."""
        row = await parking.claim_due(self._db)
        if row is None:
            return False
        message, origin = parking.message_of(row)
        delivery = interpret(message, origin, self._subscriptions, row["replayed"])
        try:
            await self._transact(self._retry, row, delivery)
        except Exception as error:
            if is_transient(error):
                raise
            await self._failed(row, delivery, error)
        return True

    async def _retry(self, uow: UnitOfWork, row: parking.Row, delivery: Delivery | None) -> None:
        if not await parking.leave(uow, row) or delivery is None:
            return
        inbox = await Inbox.load(uow, inbox_keys(delivery))
        if delivery.received is None:
            self._give_up(uow, delivery, inbox, delivery.problem or "unreadable", 1)
            outcome = Outcome.DEAD
        else:
            outcome = await handle(uow, delivery, inbox)
        await inbox.flush()
        uow.on_commit.append(lambda: count(self._subscriptions.group, [delivery], [outcome]))

    async def _failed(self, row: parking.Row, delivery: Delivery | None, error: Exception) -> None:
        assert delivery is not None
        waited = clock.now() - row["failed_at"]
        reason = reason_of(error)
        if waited < max(handler.patience for handler in delivery.handlers):
            await parking.postpone(self._db, row, reason)
            return
        log.error("event given up", event_id=delivery.id, reason=reason, tries=row["tries"] + 1)
        await self._transact(self._bury, row, delivery, reason)

    async def _bury(self, uow: UnitOfWork, row: parking.Row, delivery: Delivery, reason: str) -> None:
        holds = any(handler.hold_key for handler in delivery.handlers)
        if not await (parking.hold(uow, row) if holds else parking.leave(uow, row)):
            return
        inbox = await Inbox.load(uow, inbox_keys(delivery))
        self._give_up(uow, delivery, inbox, reason, row["tries"] + 1)
        await inbox.flush()
        uow.on_commit.append(lambda: count(self._subscriptions.group, [delivery], [Outcome.DEAD]))

    def _give_up(self, uow: UnitOfWork, delivery: Delivery, inbox: Inbox, reason: str, tries: int) -> None:
        give_up(uow, delivery, inbox, group=self._subscriptions.group, reason=reason, tries=tries)


def reason_of(error: BaseException) -> str:
    """Say what went wrong without quoting data: the error's type, and its text if it is one of ours."""
    return f"{type(error).__name__}: {error}" if isinstance(error, EventError) else type(error).__name__
