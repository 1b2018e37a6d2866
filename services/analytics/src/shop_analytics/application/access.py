"""Logins: who fails too often, and who then gets in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from shop_analytics.application import alerts
from shop_analytics.application.intake import Arrival
from shop_analytics.domain.verdicts import Verdict
from shop_analytics.domain.watches import LoginWatch
from shop_analytics.store.unit_of_work import AnalyticsUnitOfWork, whole_milliseconds
from shop_events.contracts.identity import LoginFailed, LoginSucceeded

TYPES = (LoginFailed, LoginSucceeded)


async def fold(uow: AnalyticsUnitOfWork, arrivals: Sequence[Arrival]) -> None:
    """Watch a batch of logins."""
    by_id = {arrival.id: arrival.event for arrival in arrivals}
    fresh = await uow.seen.fresh(by_id, uow.now)
    events = [event for id, event in by_id.items() if id in fresh]
    watches = await uow.login_watches.load(event.key for event in events)
    verdicts: dict[str, list[Verdict]] = defaultdict(list)
    for event in events:
        match event:
            case LoginFailed():
                watch = watches.setdefault(event.subject, LoginWatch())
                verdicts[event.subject] += watch.failed(whole_milliseconds(event.at))
            case LoginSucceeded(user_id=user_id) if user_id in watches:
                verdicts[user_id] += watches[user_id].succeeded(whole_milliseconds(event.at))
    await uow.login_watches.save(watches, uow.now)
    await alerts.judge(uow, "login-failures", verdicts)
