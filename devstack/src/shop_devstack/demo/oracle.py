"""The judge: compares orders with receipts, one to one and to the penny. Pure, no I/O.

What an order must cost is computed from the invoice alone; nothing the shop says takes part in it.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from datetime import datetime
from typing import Any

from shop_devstack.demo.invoices import CURRENCY
from shop_devstack.demo.shopping import Order

CHANNELS = ("email", "sms")

Receipts = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""By order id and channel: `count`, `accepted_at` (ms since 1970), `total_minor` and `currency`."""


def differences(orders: Sequence[Order], receipts: Receipts) -> list[str]:
    """Return in words where orders, receipts and invoices do not agree; empty when all is well."""
    found = [text for order in orders for text in _differences(order, receipts.get(order.id, {}))]
    return [*found, *_twice(orders)]


def extra_orders(orders: Iterable[Order], placed: Mapping[str, str], users: Set[str]) -> list[str]:
    """Return in words which orders the demo's customers have got without having been asked for.

    Args:
        placed: users by the ids of all orders placed meanwhile.
        users: ids of the customers who bought in this run.
    """
    known = {order.id for order in orders}
    return [
        f"order {order_id} of {user} was placed by no invoice"
        for order_id, user in placed.items()
        if user in users and order_id not in known
    ]


def complete(order: Order, receipts: Receipts) -> bool:
    """Say whether an order has its receipt on each channel."""
    return all(channel in receipts.get(order.id, {}) for channel in CHANNELS)


def latencies(orders: Iterable[Order], receipts: Receipts) -> list[int]:
    """Return the milliseconds from each order's acceptance to its mail's, where there is one."""
    return [
        receipts[order.id]["email"]["accepted_at"] - _unix_ms(order.placed_at)
        for order in orders
        if "email" in receipts.get(order.id, {})
    ]


def percentile(values: Iterable[int], percent: float) -> int | None:
    """Return the nearest-rank percentile: the smallest value that so many percent do not exceed."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(len(ranked) * percent / 100) - 1)] if ranked else None


def _differences(order: Order, receipt: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    name = f"invoice {order.invoice.number} (order {order.id})"
    if order.status != "paid":
        yield f"{name} is {order.status}, not paid"
    if (order.total, order.currency) != (order.invoice.total, CURRENCY):
        yield f"{name} costs {order.invoice.total} {CURRENCY}, the shop says {order.total} {order.currency}"
    for channel in CHANNELS:
        count = receipt[channel]["count"] if channel in receipt else 0
        if count != 1:
            yield f"{name} has {count} receipts by {channel}"
    mail = receipt.get("email")
    if mail and (mail["total_minor"], mail["currency"]) != (order.invoice.total, CURRENCY):
        told = f"{mail['total_minor']} {mail['currency']}"
        yield f"{name} costs {order.invoice.total} {CURRENCY}, its mail says {told}"


def _twice(orders: Iterable[Order]) -> Iterator[str]:
    seen: dict[str, str] = {}
    for order in orders:
        if order.id in seen:
            yield f"invoices {seen[order.id]} and {order.invoice.number} are the same order {order.id}"
        seen[order.id] = order.invoice.number


def _unix_ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
