"""Receipts: what a customer is told once an order is paid, on each channel they can be reached on."""

from __future__ import annotations

from typing import Any

from shop_events.contracts.amounts import format_money
from shop_events.contracts.catalog import OrderPaid
from shop_events.errors import NotYet
from shop_notifier.application import clock
from shop_notifier.application.causes import notification_id
from shop_notifier.domain.notifications import Channel, Notification
from shop_notifier.domain.sending import Texts
from shop_notifier.store.people import Contact
from shop_notifier.store.unit_of_work import NotifierUnitOfWork

KIND = "receipt"


async def queue(uow: NotifierUnitOfWork, order: OrderPaid) -> None:
    """Queue one mail and one text message, where there is an address, and put one entry into the inbox.

    The same order always makes the same notifications, so that there is never a second receipt.

    Raises:
        NotYet: nothing is known of the customer so far.
    """
    contact = await uow.contacts.contact(order.user_id)
    if contact is None:
        if await uow.users.is_gone(order.user_id):
            return
        raise NotYet(f"contact of {order.user_id}")
    receipts = {
        notification_id(f"{KIND}:{order.order_id}", channel): channel
        for channel in (Channel.SITE, *contact.channels)
    }
    absent = await uow.notifications.absent(receipts)
    now = clock.now()
    new = []
    for id in sorted(absent):
        content = _content(receipts[id], order, contact, uow.texts)
        new.append(
            Notification.new(
                id=id,
                user_id=order.user_id,
                channel=receipts[id],
                kind=KIND,
                about=_about(order),
                content=content,
                now=now,
            )
        )
    await uow.add(new)
    uow.wake_dispatch()


def _about(order: OrderPaid) -> dict[str, str]:
    return {
        "order_id": order.order_id,
        "total_minor": str(order.total.amount),
        "currency": order.total.currency,
    }


def _content(channel: Channel, order: OrderPaid, contact: Contact, texts: Texts) -> dict[str, Any]:
    """Return what the templates need later; an inbox entry is worded now."""
    lines = [
        {"title": line.title, "quantity": line.quantity, "total": format_money(line.line_total)}
        for line in order.lines
    ]
    adjustments = [{"title": each.title, "amount": format_money(each.amount)} for each in order.adjustments]
    content = {
        "order_id": order.order_id,
        "lines": lines,
        "adjustments": adjustments,
        "total": format_money(order.total),
    }
    if channel is not Channel.SITE:
        return content
    said = texts.render(KIND, contact.language, {**content, "name": contact.name}, "subject", "text")
    return {"title": said["subject"], "body": said["text"]}
