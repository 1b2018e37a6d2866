"""Waiting until everything that the orders set in motion has come to rest."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiokafka.errors import KafkaError

from shop_devstack.demo import oracle
from shop_devstack.demo.accounts import Account
from shop_devstack.demo.client import HttpClient
from shop_devstack.demo.shopping import Shopping
from shop_devstack.demo.topics import Topics

_LOOK_SECONDS = 0.5
_UNSETTLED = frozenset({"queued", "sending", "unknown"})


@dataclass(frozen=True, slots=True)
class Rest:
    """How far everything is.

    Args:
        receipts: what the sandbox received.
        done: orders that have a receipt on each channel.
        pending: orders whose payment is not settled.
        lag: events that a group has not settled.
        unsettled: notifications that are not sent, or not known to be.
        webhooks: reports of the providers that the services have not taken.
        uncounted: views, purchases and the like that analytics has not counted.
    """

    receipts: oracle.Receipts
    done: int
    pending: int
    lag: int
    unsettled: int
    webhooks: int
    uncounted: int = 0

    def reached(self, orders: int) -> bool:
        """Say whether nothing moves any more and each order has its receipts."""
        moving = self.pending or self.lag or self.unsettled or self.webhooks or self.uncounted
        return self.done == orders and not moving

    def told(self) -> str:
        """Say what is still moving."""
        return (
            f"{self.pending} payments, {self.lag} events, {self.unsettled} notifications, "
            f"{self.webhooks} webhooks and {self.uncounted} counts under way"
        )


class Draining:
    """Looks at receipts, consumer groups and deliveries.

    Args:
        shopping: whose orders are waited for.
        sandbox: where their mails and messages arrive.
        notifier: the service's own address, and
        operator: somebody who may see the state of its deliveries.
        uncounted: returns how much analytics has not counted yet.
    """

    def __init__(
        self,
        shopping: Shopping,
        topics: Topics,
        *,
        sandbox: HttpClient,
        notifier: HttpClient,
        operator: Account,
        uncounted: Callable[[], Awaitable[int]] | None = None,
    ) -> None:
        self._shopping = shopping
        self._topics = topics
        self._sandbox = sandbox
        self._notifier = notifier
        self._operator = operator
        self._uncounted = uncounted

    async def wait(self, seconds: float, progress: Callable[[Rest], None]) -> Rest:
        """Wait until all is at rest, at most `seconds`; return how far it is."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while True:
            rest = await self._look()
            progress(rest)
            if rest.reached(len(self._shopping.orders)) or loop.time() > deadline:
                return rest
            await asyncio.sleep(_LOOK_SECONDS)

    async def _look(self) -> Rest:
        # in the order in which one causes the next, so that nothing can be missed between two looks
        pending = await self._shopping.settle()
        lag = await self._lag()
        unsettled = await self._unsettled_deliveries()
        summary = (await self._sandbox.ask("GET", "/sandbox/summary")).body
        webhooks = sum(summary["webhooks_pending"].values())
        receipts: oracle.Receipts = (await self._sandbox.ask("GET", "/sandbox/receipts")).body["orders"]
        done = sum(oracle.complete(order, receipts) for order in self._shopping.orders)
        uncounted = await self._uncounted() if self._uncounted else 0
        return Rest(receipts, done, pending, lag, unsettled, webhooks, uncounted)

    async def _lag(self) -> int:
        try:
            await self._topics.read()
            return sum((await self._topics.lag()).values())
        except KafkaError:
            return 1  # not known while the broker is away, so not zero

    async def _unsettled_deliveries(self) -> int:
        answer = await self._operator.ask("GET", "/v1/deliveries/summary", server=self._notifier)
        return sum(row["count"] for row in answer.body["counts"] if row["status"] in _UNSETTLED)
