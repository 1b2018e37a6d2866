"""What customers are told of their orders: once, on each channel they can be reached on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shop_events.errors import NotYet
from shop_notifier.application import clock
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
    """

    kind: str
    cause: str
    user_id: str
    about: Mapping[str, str]
    content: Mapping[str, Any]


async def tell(uow: NotifierUnitOfWork, news: News) -> None:
    """Queue one mail and one text message, where there is an address, and put one entry into the inbox.

    The same news always makes the same notifications, so that nothing is ever told twice.

    Raises:
        NotYet: nothing is known of the customer so far.
    """
    contact = await uow.contacts.contact(news.user_id)
    if contact is None:
        if await uow.users.is_gone(news.user_id):
            return
        raise NotYet(f"contact of {news.user_id}")
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


def _content(channel: Channel, news: News, contact: Contact, texts: Texts) -> dict[str, Any]:
    """Return what the templates need later; an inbox entry is worded now."""
    if channel is not Channel.SITE:
        return dict(news.content)
    named = {**news.content, "name": contact.name}
    said = texts.render(news.kind, contact.language, named, "subject", "text")
    return {"title": said["subject"], "body": said["text"]}
