"""Mails that suggest products: to those who agreed, now and then, and only what can be bought.

What is stored are ids and reasons. A mail is worded when it is sent, with the titles and prices of then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from shop_events.contracts.amounts import format_money
from shop_events.contracts.analytics import ProductsSuggested
from shop_events.errors import NotYet
from shop_notifier.application import clock, subscriptions
from shop_notifier.application.causes import notification_id
from shop_notifier.domain.notifications import Channel, Notification
from shop_notifier.domain.policies import SUGGESTION, SUGGESTIONS
from shop_notifier.store.people import Contact
from shop_notifier.store.products import Card
from shop_notifier.store.unit_of_work import NotifierUnitOfWork

TOO_LATE = timedelta(days=1)
"""A suggestion that was made longer ago, for instance before an outage, is not mailed any more."""


async def queue(uow: NotifierUnitOfWork, event: ProductsSuggested) -> None:
    """Queue one mail, if the user agrees, was not sent enough of them lately, and something can be bought.

    Raises:
        NotYet: nothing is known of the user so far.
    """
    if clock.now() - event.at > TOO_LATE:
        return
    contact = await uow.contacts.contact(event.user_id)
    if contact is None:
        if await uow.users.is_gone(event.user_id):
            return
        raise NotYet(f"contact of {event.user_id}")
    if await _is_welcome(uow, event, contact) and await _take_turn(uow, event):
        await uow.add([_notification(event)])
        uow.wake_dispatch()


async def cards(uow: NotifierUnitOfWork, contents: Iterable[Mapping[str, Any]]) -> dict[str, Card]:
    """Return the products that suggestions speak of, as far as they are known and not gone."""
    ids = {id for content in contents for id in _spoken_of(content)}
    return await uow.products.cards(ids) if ids else {}


def worded(content: Mapping[str, Any], known: Mapping[str, Card], public_url: str) -> dict[str, Any] | None:
    """Return what the templates say of a suggestion; None when nothing of it can be bought any more."""
    shown = [each for each in content["products"] if each["id"] in known and known[each["id"]].available]
    if not shown:
        return None
    return {
        "occasion": content["occasion"],
        "about": _title(content["about"], known),
        "products": [
            {
                "title": known[each["id"]].title,
                "price": format_money(known[each["id"]].price),
                "url": f"{public_url.rstrip('/')}/#/products/{each['id']}",
                "because": each["because"],
                "of": _title(each["of"], known),
            }
            for each in shown
        ],
    }


async def _is_welcome(uow: NotifierUnitOfWork, event: ProductsSuggested, contact: Contact) -> bool:
    if not contact.email or not await subscriptions.willing(uow, SUGGESTIONS, {contact.user_id: contact}):
        return False
    content = _content(event)
    return worded(content, await cards(uow, [content]), "") is not None


async def _take_turn(uow: NotifierUnitOfWork, event: ProductsSuggested) -> bool:
    """Count the mail towards the user's cap; False when it was reached, or the mail is there already."""
    if not await uow.notifications.absent([_id(event)]):
        return False
    most, within = uow.rules.suggestions_per_person, uow.rules.suggestion_period
    return await uow.quotas.take(
        SUGGESTIONS, event.user_id, event.suggestion_id, clock.now(), most=most, within=within
    )


def _notification(event: ProductsSuggested) -> Notification:
    return Notification.new(
        id=_id(event),
        user_id=event.user_id,
        channel=Channel.EMAIL,
        kind=SUGGESTION,
        about={"suggestion_id": event.suggestion_id},
        content=_content(event),
        now=clock.now(),
    )


def _id(event: ProductsSuggested) -> str:
    return notification_id(f"{SUGGESTION}:{event.suggestion_id}", Channel.EMAIL)


def _content(event: ProductsSuggested) -> dict[str, Any]:
    products = [
        {"id": each.product_id, "because": each.because, "of": each.of_product_id} for each in event.products
    ]
    return {"occasion": event.occasion, "about": event.about_product_id, "products": products}


def _spoken_of(content: Mapping[str, Any]) -> Iterable[str]:
    yield content["about"]
    for each in content["products"]:
        yield from filter(None, (each["id"], each["of"]))


def _title(product_id: str | None, known: Mapping[str, Card]) -> str:
    """Return a product's title, empty where it is not known (any more)."""
    return known[product_id].title if product_id and product_id in known else ""
