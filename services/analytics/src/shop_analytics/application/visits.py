"""Visits: how many people came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shop_analytics.application.counting import Counting
from shop_analytics.application.intake import Arrival
from shop_analytics.domain.popularity import Heat
from shop_analytics.store.unit_of_work import AnalyticsUnitOfWork
from shop_events.contracts.session import SessionStarted

TYPES = (SessionStarted,)


@dataclass(frozen=True)
class Visits:
    """Folds batches of session.sessions."""

    heat: Heat

    async def fold(self, uow: AnalyticsUnitOfWork, arrivals: Sequence[Arrival]) -> None:
        """Count the sessions that started."""
        by_id = {arrival.id: arrival for arrival in arrivals}
        counting = Counting(self.heat)
        for id in await uow.seen.fresh(by_id, uow.now):
            event = by_id[id].event
            assert isinstance(event, SessionStarted)
            counting.day(event.at, by_id[id].shard, "sessions")
        await counting.store(uow)
