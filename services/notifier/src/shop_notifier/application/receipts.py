"""Receipts: what a customer is told once an order is paid."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from shop_events.contracts.amounts import format_money
from shop_events.contracts.catalog import OrderPaid
from shop_notifier.application.order_news import News, tell
from shop_notifier.domain.policies import RECEIPT
from shop_notifier.store.unit_of_work import NotifierUnitOfWork

KIND = RECEIPT
_LINK_AWAITED = timedelta(minutes=1)


async def queue(uow: NotifierUnitOfWork, order: OrderPaid) -> None:
    """Tell a customer that their order is paid, once.

    Raises:
        NotYet: nothing is known of the customer so far, or a guest's link has not arrived.
    """
    about = {
        "order_id": order.order_id,
        "total_minor": str(order.total.amount),
        "currency": order.total.currency,
    }
    cause, until = f"{KIND}:{order.order_id}", order.paid_at + _LINK_AWAITED
    await tell(uow, News(KIND, cause, order.user_id, about, _content(order), link_awaited_until=until))


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
