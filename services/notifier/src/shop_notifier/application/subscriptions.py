"""Who agrees to which mailing list, and unsubscribing with one click (RFC 8058)."""

from __future__ import annotations

from collections.abc import Mapping

from shop_notifier.application import clock
from shop_notifier.store.people import Contact
from shop_notifier.store.unit_of_work import NotifierUnitOfWork

_LANGUAGE = "en"


async def willing(uow: NotifierUnitOfWork, mailing_list: str, contacts: Mapping[str, Contact]) -> set[str]:
    """Return who agrees to be mailed: they said yes to marketing, and did not unsubscribe since."""
    asked = {id: each.marketing_since for id, each in contacts.items() if each.marketing_since is not None}
    stopped = await uow.suppressions.of(mailing_list, asked) if asked else {}
    return {id for id, since in asked.items() if id not in stopped or stopped[id] < since}


async def ask(uow: NotifierUnitOfWork, token: str) -> str:
    """Return a page (HTML) with a button that unsubscribes; nothing changes yet, for link scanners come too.

    Raises:
        UnknownLink: the token was not made here.
    """
    user_id, mailing_list = uow.links.read(token)
    return await _page(uow, user_id, mailing_list, done=False)


async def unsubscribe(uow: NotifierUnitOfWork, token: str) -> str:
    """Take a user off a mailing list, and return a page (HTML) that says so; again changes nothing.

    Raises:
        UnknownLink: the token was not made here.
    """
    user_id, mailing_list = uow.links.read(token)
    await uow.suppressions.add(mailing_list, user_id, clock.now())
    return await _page(uow, user_id, mailing_list, done=True)


async def _page(uow: NotifierUnitOfWork, user_id: str, mailing_list: str, *, done: bool) -> str:
    contact = await uow.contacts.contact(user_id)
    language = contact.language if contact else _LANGUAGE
    return uow.texts.render("unsubscribe", language, {"list": mailing_list, "done": done}, "html")["html"]
