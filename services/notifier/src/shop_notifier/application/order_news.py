"""What customers are told of their orders: once, on each channel they can be reached on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shop_events.errors import NotYet
from shop_notifier.application import clock, guests
from shop_notifier.application.causes import notification_id
from shop_notifier.domain.notifications import Channel, Notification
from shop_notifier.domain.sending import Texts
from shop_notifier.store.people import Contact
from shop_notifier.store.unit_of_work import NotifierUnitOfWork


@dataclass(frozen=True, slots=True)
class News:
    """Something that happened to an order.

    Args:
        kind: whose templates say it.
        cause: what there is one of in an order, and so one message on each channel.
        about: ids that travel with the messages.
        content: what the templates need.
        link_awaited_until: until when a guest's mail waits for the link it carries; None: it carries none.
    """

    kind: str
    cause: str
    user_id: str
    about: Mapping[str, str]
    content: Mapping[str, Any]
    link_awaited_until: datetime | None = None


async def tell(uow: NotifierUnitOfWork, news: News) -> None:
    """Queue one mail and one text message, where there is an address, and put one entry into the inbox.

    The same news always makes the same notifications, so that nothing is ever told twice.

    Raises:
        NotYet: nothing is known of the customer so far, or a guest's link has not arrived.
    """
    contact = await uow.contacts.contact(news.user_id)
    if contact is None:
        if await uow.users.is_gone(news.user_id):
            return
        raise NotYet(f"contact of {news.user_id}")
    if await _lacks_link(uow, news, contact):
        raise NotYet(f"link of {news.user_id}")
    channels = {
        notification_id(news.cause, channel): channel for channel in (Channel.SITE, *contact.channels)
    }
    absent = await uow.notifications.absent(channels)
    now = clock.now()
    await uow.add(
        [
            Notification.new(
                id=id,
                user_id=news.user_id,
                channel=channels[id],
                kind=news.kind,
                about=news.about,
                content=_content(channels[id], news, contact, uow.texts),
                now=now,
            )
            for id in sorted(absent)
        ]
    )
    uow.wake_dispatch()


async def _lacks_link(uow: NotifierUnitOfWork, news: News, contact: Contact) -> bool:
    until = news.link_awaited_until
    if not contact.guest or until is None or clock.now() >= until:
        return False
    return not await guests.has_link(uow, news.user_id)


def _content(channel: Channel, news: News, contact: Contact, texts: Texts) -> dict[str, Any]:
    """Return what the templates need later; an inbox entry is worded now."""
    if channel is not Channel.SITE:
        return dict(news.content)
    named = {**news.content, "name": contact.name, "follow_url": None}
    said = texts.render(news.kind, contact.language, named, "subject", "text")
    return {"title": said["subject"], "body": said["text"]}
