"""What became of what was sent: believing webhooks, and what operators may look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shop_notifier.application import clock
from shop_notifier.domain.access import Caller, demand_operator
from shop_notifier.domain.notifications import Channel, News, Notification, Status
from shop_notifier.store.unit_of_work import NotifierUnitOfWork


@dataclass(frozen=True, slots=True)
class Sifted:
    """What is worth a transaction, and how many events spoke of notifications we do not know."""

    worth_hearing: list[News]
    strangers: int


async def sift(uow: NotifierUnitOfWork, news: Sequence[News]) -> Sifted:
    """Leave out what says nothing new: most callbacks come after we know better, and cost one read then."""
    known = await uow.notifications.statuses(each.notification_id for each in news)
    about_ours = [each for each in news if each.notification_id in known]
    worth_hearing = [each for each in about_ours if each.moves(known[each.notification_id])]
    return Sifted(worth_hearing, len(news) - len(about_ours))


async def hear(uow: NotifierUnitOfWork, news: Sequence[News]) -> None:
    """Believe what providers say, each event once."""
    now = clock.now()
    new = await uow.webhook_events.note_new((each.event_id for each in news), now)
    known = await uow.notifications.get_many(each.notification_id for each in news)
    changed = {}
    for each in news:
        notification = known.get(each.notification_id)
        if notification is not None and each.event_id in new and notification.hear(each, now):
            changed[notification.id] = notification
    await uow.save(list(changed.values()))


async def in_status(
    uow: NotifierUnitOfWork, caller: Caller, status: Status, limit: int, after: str | None
) -> list[Notification]:
    """Return up to ``limit`` notifications in a status, by id.

    Raises:
        AccessDenied: the caller is neither administrator nor support.
    """
    demand_operator(caller)
    return await uow.notifications.in_status(status, limit, after)


async def counts(uow: NotifierUnitOfWork, caller: Caller) -> list[tuple[Channel, Status, int]]:
    """Count all notifications by channel and status.

    Raises:
        AccessDenied: the caller is neither administrator nor support.
    """
    demand_operator(caller)
    return await uow.notifications.counts()
