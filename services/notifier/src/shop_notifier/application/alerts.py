"""Warning the administrators of what analytics found: on the site at once, by mail and message in digests.

A digest goes out when the window that its first alert opened is over. Until then it is no notification, so
nothing that is being sent is ever changed, and who is to get it is decided at the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shop_events.contracts.analytics import AlertResolved
from shop_notifier.application import clock
from shop_notifier.application.causes import notification_id
from shop_notifier.domain.alerts import RAISED, RESOLVED, Warning, crossing, described, digest_of
from shop_notifier.domain.notifications import Channel, Notification
from shop_notifier.store.people import Contact
from shop_notifier.store.unit_of_work import NotifierUnitOfWork

_LANGUAGE = "en"


async def warn(uow: NotifierUnitOfWork, event: Warning) -> None:
    """Put an alert into each administrator's inbox and into the digest of its rule."""
    alert = described(event)
    await _enter(uow, RAISED, event, digest_of(event.rule, [alert]))
    await uow.alert_digests.gather(event.rule, alert, clock.now())


async def resolve(uow: NotifierUnitOfWork, event: AlertResolved) -> None:
    """Put the end of an alert into each administrator's inbox, and nowhere else."""
    content = {"rule": event.rule, "subject": event.subject}
    await _enter(uow, RESOLVED, event, content)


async def send_digest(uow: NotifierUnitOfWork) -> bool:
    """Queue one digest whose window is over, for all administrators there are by now; False when none is due.

    As long as none of them can be reached, it stays open.
    """
    now = clock.now()
    opened_by = now - uow.rules.alert_window
    if not await uow.alert_digests.is_due(opened_by):
        return False
    administrators = await _administrators(uow)
    reached = [
        (id, channel) for id, contact in administrators.items() if contact for channel in contact.channels
    ]
    digest = await uow.alert_digests.close_one(opened_by) if reached else None
    if digest is None:
        return False
    content = digest_of(digest.rule, digest.alerts, digest.more)
    await uow.add(
        [
            Notification.new(
                id=notification_id(f"{RAISED}:{digest.id}", user_id, channel),
                user_id=user_id,
                channel=channel,
                kind=RAISED,
                about={"rule": digest.rule},
                content=content,
                now=now,
            )
            for user_id, channel in reached
        ]
    )
    uow.wake_dispatch()
    return True


async def _administrators(uow: NotifierUnitOfWork) -> dict[str, Contact | None]:
    """Return who is to be warned, with how to reach them as far as that is known."""
    ids = await uow.users.administrators()
    contacts = await uow.contacts.contacts(ids)
    return {id: contacts.get(id) for id in sorted(ids)}


async def _enter(
    uow: NotifierUnitOfWork, kind: str, event: Warning | AlertResolved, content: Mapping[str, Any]
) -> None:
    administrators = await _administrators(uow)
    now, cause = clock.now(), f"{event.event_type}:{crossing(event)}"
    ids = {notification_id(cause, user_id, Channel.SITE): user_id for user_id in administrators}
    new = []
    for id in sorted(await uow.notifications.absent(ids)):
        contact = administrators[ids[id]]
        language = contact.language if contact else _LANGUAGE
        said = uow.texts.render(kind, language, {**content, "name": ""}, "subject", "text")
        worded = {"title": said["subject"], "body": said["text"]}
        about = {"rule": event.rule, "fingerprint": event.fingerprint}
        new.append(
            Notification.new(
                id=id,
                user_id=ids[id],
                channel=Channel.SITE,
                kind=kind,
                about=about,
                content=worded,
                now=now,
            )
        )
    await uow.add(new)
