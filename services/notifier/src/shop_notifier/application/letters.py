"""Making claimed notifications ready for their readers: address, words, headers; or why that cannot be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shop_notifier.application import guests, subscriptions, suggestions
from shop_notifier.domain.errors import CannotRender
from shop_notifier.domain.notifications import Channel, Notification
from shop_notifier.domain.policies import GUEST_CODE, RECEIPT, SUGGESTION, SUGGESTIONS, policy_of
from shop_notifier.domain.sending import Message, Refused
from shop_notifier.store.people import Contact
from shop_notifier.store.products import Card
from shop_notifier.store.unit_of_work import NotifierUnitOfWork


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known at the moment of sending of all whom a batch goes to. ``links``: of guests, by guest."""

    contacts: Mapping[str, Contact]
    willing: frozenset[str]
    cards: Mapping[str, Card]
    links: Mapping[str, str]


async def messages(uow: NotifierUnitOfWork, notifications: Sequence[Notification]) -> list[Message | Refused]:
    """Return what is to be sent for each notification, in order; consent counts as of now."""
    suggested = [each for each in notifications if each.kind == SUGGESTION]
    contacts = await uow.contacts.contacts({each.user_id for each in notifications})
    asked = {each.user_id: contacts[each.user_id] for each in suggested if each.user_id in contacts}
    receipts = {each.user_id for each in notifications if each.kind == RECEIPT}
    known = _Known(
        contacts,
        frozenset(await subscriptions.willing(uow, SUGGESTIONS, asked)),
        await suggestions.cards(uow, (each.content for each in suggested)),
        await guests.link_addresses(uow, {id for id in receipts if id in contacts and contacts[id].guest}),
    )
    return [_message(uow, each, known) for each in notifications]


def _message(uow: NotifierUnitOfWork, notification: Notification, known: _Known) -> Message | Refused:
    try:
        if notification.kind == GUEST_CODE:
            return guests.code_mail(uow, notification)
        return _addressed(uow, notification, known)
    except CannotRender:
        return Refused("cannot_render")


def _addressed(uow: NotifierUnitOfWork, notification: Notification, known: _Known) -> Message | Refused:
    contact = known.contacts.get(notification.user_id)
    address = contact and (contact.email if notification.channel is Channel.EMAIL else contact.sms)
    if contact is None or not address:
        return Refused("no_address")
    if policy_of(notification.kind).mailing_list and notification.user_id not in known.willing:
        return Refused("unsubscribed")
    content: Mapping[str, Any] | None = notification.content
    if notification.kind == SUGGESTION:
        content = suggestions.worded(notification.content, known.cards, uow.rules.public_url)
    if content is None:
        return Refused("nothing_to_say")
    link = known.links.get(notification.user_id)
    return _worded(uow, notification, contact, address, {**content, "follow_url": link})


def _worded(
    uow: NotifierUnitOfWork,
    notification: Notification,
    contact: Contact,
    address: str,
    content: Mapping[str, Any],
) -> Message:
    kind, language = notification.kind, contact.language
    tags = {**notification.about, "notification_id": notification.id}
    content = {**content, "name": contact.name}
    if notification.channel is Channel.SMS:
        return Message(address, uow.texts.render(kind, language, content, "sms")["sms"], tags)
    headers = {}
    if mailing_list := policy_of(kind).mailing_list:
        link = uow.links.link(notification.user_id, mailing_list)
        content = {**content, "unsubscribe_url": link}
        # RFC 8058, section 3.1
        headers = {"List-Unsubscribe": f"<{link}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    said = uow.texts.render(kind, language, content, "subject", "text", "html")
    return Message(address, said["text"], tags, said["subject"], said["html"], headers)
