"""Receipts: what a customer is told once an order is paid."""

from __future__ import annotations

from typing import Any

from shop_events.contracts.amounts import format_money
from shop_events.contracts.catalog import OrderPaid
from shop_notifier.application.order_news import News, tell
from shop_notifier.store.unit_of_work import NotifierUnitOfWork

KIND = "receipt"


async def queue(uow: NotifierUnitOfWork, order: OrderPaid) -> None:
    """Tell a customer that their order is paid, once.

    Raises:
        NotYet: nothing is known of the customer so far.
    """
    about = {
        "order_id": order.order_id,
        "total_minor": str(order.total.amount),
        "currency": order.total.currency,
    }
    await tell(uow, News(KIND, f"{KIND}:{order.order_id}", order.user_id, about, _content(order)))


def _content(order: OrderPaid) -> dict[str, Any]:
    lines = [
        {"title": line.title, "quantity": line.quantity, "total": format_money(line.line_total)}
        for line in order.lines
    ]
    adjustments = [{"title": each.title, "amount": format_money(each.amount)} for each in order.adjustments]
    return {
        "order_id": order.order_id,
        "lines": lines,
        "adjustments": adjustments,
        "total": format_money(order.total),
    }
