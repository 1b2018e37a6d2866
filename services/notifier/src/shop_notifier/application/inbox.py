"""The site inbox of the person who asks: what was meant for them, and what is shown to everybody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shop_notifier.application import clock
from shop_notifier.domain.access import Caller
from shop_notifier.domain.errors import NotificationNotFound
from shop_notifier.domain.inbox import Entry, Position
from shop_notifier.store.unit_of_work import NotifierUnitOfWork


@dataclass(frozen=True, slots=True)
class InboxPage:
    """Part of an inbox, newest first; ``unread`` counts the whole inbox."""

    entries: list[Entry]
    unread: int


async def page(
    uow: NotifierUnitOfWork,
    caller: Caller,
    limit: int,
    before: Position | None = None,
    since: datetime | None = None,
) -> InboxPage:
    """Return up to ``limit`` of the caller's own entries: from behind ``before``, made after ``since``."""
    now = clock.now()
    own = await uow.notifications.inbox(caller.user_id, limit, before, since)
    shown = await uow.broadcasts.shown(now, limit, before, since)
    read_at = await uow.broadcasts.read_at(caller.user_id, (each.id for each in shown))
    entries = [Entry.of_notification(each) for each in own]
    entries += [Entry.of_broadcast(each, read_at.get(each.id)) for each in shown]
    entries.sort(key=lambda entry: entry.position, reverse=True)
    unread = await uow.notifications.unread(caller.user_id)
    return InboxPage(entries[:limit], unread + await uow.broadcasts.unread(caller.user_id, now))


async def read(uow: NotifierUnitOfWork, caller: Caller, id: str) -> Entry:
    """Mark one of the caller's own entries as read; again changes nothing.

    Raises:
        NotificationNotFound: there is none, or it is somebody else's.
    """
    entry = await uow.notifications.own_entry(caller.user_id, id)
    if entry is None:
        return await _read_broadcast(uow, caller, id)
    if entry.read(clock.now()):
        await uow.save([entry])
    return Entry.of_notification(entry)


async def _read_broadcast(uow: NotifierUnitOfWork, caller: Caller, id: str) -> Entry:
    broadcast, now = await uow.broadcasts.get(id), clock.now()
    if broadcast is None or not broadcast.is_shown(now):
        raise NotificationNotFound
    return Entry.of_broadcast(broadcast, await uow.broadcasts.mark_read(caller.user_id, broadcast, now))
