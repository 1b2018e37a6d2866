"""What guests are mailed: the code that shows whose an address is, and the link that leads back to an order.

Both are sealed until a mail is made of them. Neither is ever part of an inbox entry.
"""

from __future__ import annotations

from collections.abc import Iterable

from shop_events.contracts.identity import GuestCodeIssued, GuestLinkIssued
from shop_notifier.application import clock
from shop_notifier.application.causes import notification_id
from shop_notifier.domain.notifications import Channel, Notification
from shop_notifier.domain.policies import GUEST_CODE
from shop_notifier.domain.sending import Message, Refused
from shop_notifier.store.unit_of_work import NotifierUnitOfWork


async def queue_code(uow: NotifierUnitOfWork, event: GuestCodeIssued) -> None:
    """Queue the mail with a code, once, as long as the code holds."""
    now, id = clock.now(), notification_id(f"{GUEST_CODE}:{event.verification_id}", Channel.EMAIL)
    if now >= event.expires_at or not await uow.notifications.absent([id]):
        return
    said = event.model_dump(include={"address", "name", "language", "code"})
    content = {"sealed": uow.seals.seal(said), "expires_at": event.expires_at}
    mail = Notification.new(
        id=id,
        user_id=event.user_id,
        channel=Channel.EMAIL,
        kind=GUEST_CODE,
        about={},
        content=content,
        now=now,
    )
    await uow.add([mail])
    uow.wake_dispatch()


def code_mail(uow: NotifierUnitOfWork, notification: Notification) -> Message | Refused:
    """Return the mail with a code, or why there is none; CannotRender where words are missing."""
    if clock.now() >= notification.content["expires_at"]:
        return Refused("expired")
    said = uow.seals.open(notification.content["sealed"])
    if said is None:
        return Refused("key_lost")
    middle = len(said["code"]) // 2
    content = {"name": said["name"], "code": f"{said['code'][:middle]} {said['code'][middle:]}"}
    text = uow.texts.render(GUEST_CODE, said["language"], content, "subject", "text", "html")
    tags = {"notification_id": notification.id}
    return Message(said["address"], text["text"], tags, text["subject"], text["html"])


async def keep_link(uow: NotifierUnitOfWork, event: GuestLinkIssued) -> None:
    """Remember the link that the next receipts of a guest carry."""
    sealed = uow.seals.seal({"token": event.token})
    await uow.guest_links.keep(event.user_id, sealed, event.issued_at, event.expires_at)


async def has_link(uow: NotifierUnitOfWork, user_id: str) -> bool:
    """Say whether there is a link to mail to a guest."""
    return bool(await uow.guest_links.sealed([user_id], clock.now()))


async def link_addresses(uow: NotifierUnitOfWork, user_ids: Iterable[str]) -> dict[str, str]:
    """Return where the links of guests lead, by guest, as far as there are any."""
    wanted = set(user_ids)
    sealed = await uow.guest_links.sealed(wanted, clock.now()) if wanted else {}
    opened = {user_id: uow.seals.open(each) for user_id, each in sealed.items()}
    # Behind the `#`, so that browsers send it to no server and tell it to no other site.
    base = f"{uow.rules.public_url.rstrip('/')}/#/guest/"
    return {user_id: base + each["token"] for user_id, each in opened.items() if each}
