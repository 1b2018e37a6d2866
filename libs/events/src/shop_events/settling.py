"""Gets a batch of events done: what a handler refuses is set aside, everything else goes through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from shop_events import batch, parking
from shop_events.bisection import settle
from shop_events.deliveries import Delivery
from shop_events.inbox import Inbox, given_up
from shop_events.retrier import reason_of
from shop_events.unit_of_work import Transactor, UnitOfWork, is_transient


class Settler:
    """Settles the batches of one group, each in as few transactions as its failures allow.

    Args:
        transact: opens units of work.
        group: the consumer group.
        parked: called when something was set aside, so that the retrier looks at it.
    """

    def __init__(self, transact: Transactor[Any], group: str, parked: Callable[[], None]) -> None:
        self._transact = transact
        self._group = group
        self._parked = parked

    async def settle(
        self,
        deliveries: Sequence[Delivery],
        is_nobodys_fault: Callable[[BaseException], bool] = is_transient,
    ) -> None:
        """Handle a batch in one transaction; a failed event is set aside and the rest goes on.

        Raises:
            PyMongoError: MongoDB failed; the batch may be settled again, whatever of it is done.
        """
        await settle(deliveries, self._attempt, self._set_aside, is_nobodys_fault)

    async def _attempt(self, deliveries: Sequence[Delivery]) -> None:
        await self._transact(batch.apply, deliveries, self._group)

    async def _set_aside(self, delivery: Delivery, error: Exception) -> None:
        await self._transact(self._park, delivery, reason_of(error))
        self._parked()

    async def _park(self, uow: UnitOfWork, delivery: Delivery, reason: str) -> None:
        inbox = await Inbox.load(uow, [given_up(delivery.id)])
        if given_up(delivery.id) in inbox:
            if not delivery.replayed:  # while we were away, another consumer tried it to the end
                return
            await inbox.forget(given_up(delivery.id))
        waiting = await parking.held(uow, {delivery.order_key})
        queue = waiting.get(delivery.order_key)
        if queue is None:
            await parking.park(uow, delivery, reason)
        elif delivery.id not in queue:
            await parking.queue_behind(uow, delivery)
        uow.on_commit.append(lambda: batch.count(self._group, [delivery], [batch.Outcome.PARKED]))
