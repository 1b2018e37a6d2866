"""Buying: every invoice is ordered by its customer, many at once, each at its own prices."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from shop_devstack.demo.accounts import Account
from shop_devstack.demo.errors import DemoError
from shop_devstack.demo.invoices import Invoice
from shop_devstack.demo.merchant import Merchant, money
from shop_devstack.demo.schedule import PriceSchedule, Start

CARD = "pm_card_visa"
_WAITING = frozenset(("placed", "reserved", "authorised"))
"""States of an order whose payment is still under way."""
_MOST_FAILURES = 20


@dataclass(frozen=True, slots=True)
class Order:
    """An order as the shop answered it, and the invoice it replays. `total` is in pence."""

    id: str
    invoice: Invoice
    total: int
    currency: str
    status: str
    placed_at: datetime

    @classmethod
    def of(cls, invoice: Invoice, body: Mapping[str, Any]) -> "Order":
        """Read the shop's answer."""
        return cls(
            id=body["id"],
            invoice=invoice,
            total=body["total"]["amount"],
            currency=body["total"]["currency"],
            status=body["status"],
            placed_at=datetime.fromisoformat(body["placed_at"]),
        )


class Shopping:
    """Replays invoices.

    Args:
        schedule: says which may be bought when.
        merchant: changes prices.
        customers: accounts by the customers' numbers.
        run_id: keeps this run's orders apart from those of others.
        buyers: how many invoices are under way at once, at most.
        progress: called after each invoice.
        visit: what a customer does in the shop before an order.
    """

    def __init__(
        self,
        schedule: PriceSchedule,
        merchant: Merchant,
        customers: Mapping[str, Account],
        run_id: str,
        *,
        buyers: int,
        progress: Callable[[], None] = lambda: None,
        visit: Callable[[Invoice], Awaitable[None]] | None = None,
    ) -> None:
        self._schedule = schedule
        self._merchant = merchant
        self._customers = customers
        self._run_id = run_id
        self._buyers = buyers
        self._progress = progress
        self._visit = visit
        self._changed = asyncio.Event()
        self.in_flight = 0
        self.most_in_flight = 0
        self.price_changes = 0
        self.orders: list[Order] = []
        self.failures: list[str] = []

    async def run(self) -> None:
        """Buy everything. Raises DemoError when too much of it fails; single failures are in `failures`."""
        async with asyncio.TaskGroup() as tasks:
            while not self._schedule.exhausted:
                for start in self._schedule.take(self._buyers - self.in_flight):
                    self.in_flight += 1
                    tasks.create_task(self._buy(start))
                self.most_in_flight = max(self.most_in_flight, self.in_flight)
                await self._changed.wait()
                self._changed.clear()
                if len(self.failures) > _MOST_FAILURES:
                    raise DemoError("Too many orders failed:\n" + "\n".join(self.failures))

    async def _buy(self, start: Start) -> None:
        try:
            await self._change_prices(start)
            if self._visit:
                await self._visit(start.invoice)
            self.orders.append(await self._order(start.invoice))
        except DemoError as error:
            self.failures.append(f"invoice {start.invoice.number}: {error}")
        finally:
            self._schedule.finished(start.invoice)
            self.in_flight -= 1
            self._changed.set()
            self._progress()

    async def _change_prices(self, start: Start) -> None:
        if not start.changes:
            return
        for sku, price in start.changes.items():
            await self._merchant.set_price(sku, price)
        self.price_changes += len(start.changes)
        self._schedule.priced(start.invoice)
        self._changed.set()

    async def _order(self, invoice: Invoice) -> Order:
        lines = [
            {"product_id": self._merchant.product_id(line.sku), "quantity": line.quantity}
            for line in invoice.lines
        ]
        body = {"lines": lines, "expected_total": money(invoice.total), "payment_method": CARD}
        headers = {"Idempotency-Key": f"{self._run_id}-{invoice.number}"}
        account = self._customers[invoice.customer]
        answer = await account.ask("POST", "/v1/orders", body, headers, accept=(200, 201, 202))
        return Order.of(invoice, answer.body)

    async def settle(self) -> int:
        """Ask once for each order whose payment was still under way; return how many still are."""
        for index, order in enumerate(self.orders):
            if order.status in _WAITING:
                account = self._customers[order.invoice.customer]
                answer = await account.ask("GET", f"/v1/orders/{order.id}")
                self.orders[index] = replace(order, status=answer.body["status"])
        return sum(order.status in _WAITING for order in self.orders)
