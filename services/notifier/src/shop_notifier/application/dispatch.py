"""Sending what is queued: claim, make ready, record what came of it, settle what nobody knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shop_events.ids import new_id
from shop_notifier.application import clock, letters
from shop_notifier.domain.notifications import Channel, Claim, Notification
from shop_notifier.domain.policies import policy_of
from shop_notifier.domain.sending import Accepted, Lost, Message, NotTaken, Outcome, Refused
from shop_notifier.store.unit_of_work import NotifierUnitOfWork

_LONGEST_DELAY = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Letter:
    """A claimed notification, ready to be sent; or why it cannot be.

    Args:
        deferrals: how often it was put back since a provider was last reached with it.
    """

    notification_id: str
    claim_id: str
    message: Message | Refused
    deferrals: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a claim."""

    notification_id: str
    claim_id: str
    outcome: Outcome


async def claim(uow: NotifierUnitOfWork, channel: Channel, limit: int) -> list[Letter]:
    """Take up to ``limit`` due notifications out of the queue; nobody else will send them."""
    now = clock.now()
    due = await uow.notifications.due(channel, now, limit)
    if not due:
        return []
    taken = Claim(new_id("clm"), now)
    for notification in due:
        notification.take(taken)
    await uow.save(due)
    ready = await letters.messages(uow, due)
    return [Letter(n.id, taken.id, message, n.deferrals) for n, message in zip(due, ready, strict=True)]


async def record(uow: NotifierUnitOfWork, reports: Sequence[Report], settle_within: timedelta) -> None:
    """Write down what came of claims; a report of a claim that is no longer in hand changes nothing."""
    now = clock.now()
    known = await uow.notifications.get_many(report.notification_id for report in reports)
    changed = [
        known[report.notification_id]
        for report in reports
        if report.notification_id in known
        and _apply(report, known[report.notification_id], now, settle_within)
    ]
    await uow.save(changed)


async def lose_stale(
    uow: NotifierUnitOfWork, older_than: timedelta, settle_within: timedelta, limit: int
) -> int:
    """Call unknown what was claimed by a process that cannot be sending any more; return how many."""
    now = clock.now()
    stale = await uow.notifications.stale(now - older_than, limit)
    for notification in stale:
        assert notification.claim is not None
        notification.lost(notification.claim.id, "interrupted", now + settle_within, now)
    await uow.save(stale)
    return len(stale)


async def settle_overdue(uow: NotifierUnitOfWork, limit: int) -> int:
    """Let each kind's policy decide the unknown outcomes whose deadline is over; return how many."""
    now = clock.now()
    overdue = await uow.notifications.overdue(now, limit)
    for notification in overdue:
        notification.overdue(policy_of(notification.kind), now)
    await uow.save(overdue)
    if overdue:
        uow.wake_dispatch()
    return len(overdue)


async def next_due(uow: NotifierUnitOfWork, channel: Channel) -> datetime | None:
    """Return when there will be something to send on a channel; None when nothing is queued."""
    return await uow.notifications.next_due(channel)


def _apply(report: Report, notification: Notification, now: datetime, settle_within: timedelta) -> bool:
    claim_id = report.claim_id
    match report.outcome:
        case Accepted(provider_id):
            return notification.accepted(claim_id, provider_id, now)
        case Refused(reason):
            return notification.refused(claim_id, reason, now)
        case NotTaken(_, retry_after):
            until = now + retry_delay(notification.deferrals, retry_after)
            return notification.put_back(claim_id, until, now)
        case Lost(reason):
            return notification.lost(claim_id, reason, now + settle_within, now)


def retry_delay(deferrals: int, retry_after: float | None) -> timedelta:
    """Return how long to leave a provider alone: what it asks for, else doubling from 1 s up to 30 s."""
    if retry_after is not None:
        return timedelta(seconds=retry_after)
    return min(timedelta(seconds=2 ** min(deferrals, 10)), _LONGEST_DELAY)
