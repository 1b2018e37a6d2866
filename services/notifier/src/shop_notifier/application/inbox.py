"""The site inbox of the person who asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shop_notifier.application import clock
from shop_notifier.domain.access import Caller
from shop_notifier.domain.errors import NotificationNotFound
from shop_notifier.domain.notifications import Notification
from shop_notifier.store.unit_of_work import NotifierUnitOfWork

Position = tuple[datetime, str]
"""Where a page of the inbox ended: time and id of its last entry."""


@dataclass(frozen=True, slots=True)
class InboxPage:
    """Part of an inbox, newest first; ``unread`` counts the whole inbox."""

    entries: list[Notification]
    unread: int


async def page(uow: NotifierUnitOfWork, caller: Caller, limit: int, before: Position | None) -> InboxPage:
    """Return up to ``limit`` of the caller's own entries from behind ``before``."""
    entries = await uow.notifications.inbox(caller.user_id, limit, before)
    return InboxPage(entries, await uow.notifications.unread(caller.user_id))


async def read(uow: NotifierUnitOfWork, caller: Caller, id: str) -> Notification:
    """Mark one of the caller's own entries as read; again changes nothing.

    Raises:
        NotificationNotFound: there is none, or it is somebody else's.
    """
    entry = await uow.notifications.own_entry(caller.user_id, id)
    if entry is None:
        raise NotificationNotFound
    if entry.read(clock.now()):
        await uow.save([entry])
    return entry
