"""Warning the administrators of what analytics found: on the site at once, by mail and message in digests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shop_events.contracts.analytics import AlertResolved
from shop_notifier.application import clock
from shop_notifier.application.causes import notification_id
from shop_notifier.domain.alerts import (
    RAISED,
    RESOLVED,
    Warning,
    crossing,
    described,
    digest_of,
    digest_with,
)
from shop_notifier.domain.notifications import Channel, Notification
from shop_notifier.store.people import Contact
from shop_notifier.store.unit_of_work import NotifierUnitOfWork

_LANGUAGE = "en"


async def warn(uow: NotifierUnitOfWork, event: Warning) -> None:
    """Put an alert into each administrator's inbox and into the digest of its rule.

    A digest goes out when the window that its first alert opened is over. Nobody waits for an administrator
    whose contact has not arrived: the inbox is enough then.
    """
    administrators = await _administrators(uow)
    alert = described(event)
    await _enter(uow, administrators, RAISED, event, digest_of(event.rule, alert))
    await _gather(uow, administrators, event.rule, alert)


async def resolve(uow: NotifierUnitOfWork, event: AlertResolved) -> None:
    """Put the end of an alert into each administrator's inbox, and nowhere else."""
    content = {"rule": event.rule, "subject": event.subject}
    await _enter(uow, await _administrators(uow), RESOLVED, event, content)


async def _administrators(uow: NotifierUnitOfWork) -> dict[str, Contact | None]:
    """Return who is to be warned, with how to reach them as far as that is known."""
    ids = await uow.users.administrators()
    contacts = await uow.contacts.contacts(ids)
    return {id: contacts.get(id) for id in sorted(ids)}


async def _enter(
    uow: NotifierUnitOfWork,
    administrators: Mapping[str, Contact | None],
    kind: str,
    event: Warning | AlertResolved,
    content: Mapping[str, Any],
) -> None:
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


async def _gather(
    uow: NotifierUnitOfWork, administrators: Mapping[str, Contact | None], rule: str, alert: Mapping[str, Any]
) -> None:
    """Add an alert to the digests of its rule that are open; open those that are not."""
    opened_at = await uow.alert_windows.opened_at(rule, clock.now(), uow.rules.alert_window)
    cause = f"{RAISED}:{rule}:{opened_at.isoformat()}"
    wanted = {
        notification_id(cause, user_id, channel): (user_id, channel)
        for user_id, contact in administrators.items()
        for channel in (contact.channels if contact else ())
    }
    open_ones = await uow.notifications.get_many(wanted)
    for digest in open_ones.values():
        digest.reword(digest_with(digest.content, alert))
    await uow.save(list(open_ones.values()))
    await uow.add(
        [
            Notification.new(
                id=id,
                user_id=wanted[id][0],
                channel=wanted[id][1],
                kind=RAISED,
                about={"rule": rule},
                content=digest_of(rule, alert),
                now=opened_at,
                due_at=opened_at + uow.rules.alert_window,
            )
            for id in sorted(wanted.keys() - open_ones.keys())
        ]
    )
    uow.wake_dispatch()
